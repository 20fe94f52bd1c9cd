"""The Gaussian law: a mean and a thin factor of the covariance, whole, truncated or shrunk to its spikes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.checks import real, switch
from rainbownet.errors import LawError, RainbowWarning
from rainbownet.laws.base import FittedLaw, Law, Shape
from rainbownet.laws.block import Block, block_slices, scalar_columns
from rainbownet.laws.draws import coefficients
from rainbownet.laws.factor import check_rank, kept, thin_factor
from rainbownet.laws.spiked import noise_deviation, spiked_factor


@dataclass(frozen=True, eq=False)
class FittedGaussian(FittedLaw):
    """A fitted Gaussian law.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean `(D,)`.
        factor: Thin factor `(r, D)` of the covariance, its rows by decreasing energy.
        coordinates: White coefficients `(n, r)` of the reference network's neurons.
        deviation: Deviation of the noise `(D,)` on the complement of the factor's rows, if it is drawn.
    """

    factor: Float[Tensor, "r D"]
    coordinates: Float[Tensor, "n r"]
    deviation: Float[Tensor, " D"] | None = None

    @property
    def rank(self) -> int:
        """Number of rows of the factor."""
        return len(self.factor)

    def neurons(self) -> Float[Tensor, "n D"]:
        """Return the reference network's neurons, projected on the law's directions."""
        return self.mean + self.coordinates @ self.factor

    def mean_and_factor(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"]]:
        """Return mean and factor, beneath it that of the noise if it is drawn."""
        if self.deviation is None:
            return self.mean, self.factor
        directions = self._directions(self.deviation)
        noise = (torch.eye(len(self.mean)).to(directions) - directions.T @ directions) * self.deviation
        return self.mean, torch.cat([self.factor, noise])

    def spectrum(self) -> Float[Tensor, " r"]:
        """Return the eigenvalues of the covariance of neurons that are drawn, by decreasing size."""
        return torch.linalg.svdvals(self.mean_and_factor()[1]).square()

    def factor_and_noise(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"], Float[Tensor, " B"]]:
        """Return mean, factor, and the deviation of the noise of each block on the complement of the factor."""
        if self.deviation is None:
            return super().factor_and_noise()
        outside = 1 - self._directions(self.deviation).square().sum(0)
        variance = outside.clamp(min=0) * self.deviation.square()
        noise = torch.stack([variance[columns].mean().sqrt() for columns in block_slices(self.blocks)])
        return self.mean, self.factor, noise

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        noisy = getattr(law, "bulk", False) or "deviation" in tensors
        noise: dict[str, Shape] = {"deviation": ("D",)} if noisy else {}
        return {"mean": ("D",), "factor": ("r", "D"), "coordinates": ("n", "r"), **noise}

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> FittedLaw:
        restored = super()._restore(law, blocks, tensors)
        return replace(restored, deviation=tensors["deviation"].double()) if "deviation" in tensors else restored

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        white = coefficients(draw, n, self.rank, generator=generator).to(self.factor.device)
        return self.mean + white @ self.factor + self._noise(n, draw, generator)

    def _noise(self, n: int, draw: str, generator: torch.Generator | None) -> Tensor:
        if self.deviation is None:
            return torch.zeros_like(self.mean)
        count = (n + 1) // 2 if draw == "antithetic" else n
        noise = coefficients("gaussian", count, len(self.mean), generator=generator).to(self.factor.device)
        if draw == "antithetic":
            noise = torch.cat([noise, -noise[: n // 2]])
        directions = self._directions(self.deviation)
        return (noise - noise @ directions.T @ directions) * self.deviation

    def _directions(self, deviation: Tensor) -> Tensor:
        """Return the directions of the factor in units of the noise, which is drawn on their complement."""
        return torch.nn.functional.normalize(self.factor / torch.where(deviation > 0, deviation, 1.0), dim=1)


@dataclass(frozen=True)
class Gaussian(Law[FittedGaussian]):
    r"""Neurons are normal, :math:`w \sim N(m, F^\top F)` (R12, R16).

    Args:
        mean: Whether the law has a mean; without, the uncentred second moment takes the covariance's place, as
            published.
        rank: Number of principal directions kept, or the share of the energy they hold, in `(0, 1]`; all if None.
        shrinkage: "none", or "spiked": only what rises above a Marchenko–Pastur bulk is kept, shrunk by (U3). Blocks
            are first divided by the deviation of their noise; parameters of one number per neuron have no bulk and
            keep their variance. Where nothing rises above it the law is of the mean and the noise.
        noise: Variance of the noise of a weight for "spiked", or "bulk" to estimate it for each block.
        bulk: Whether "spiked" adds the noise back on the complement of the spikes when drawing.

    Raises:
        LawError: If an option is none of the above.

    Example:
        >>> rows = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
        >>> law = Gaussian().fit(rows, [Block("weight", (2,))])
        >>> law.mean, law.rank
        (tensor([2., 2.], dtype=torch.float64), 1)
        >>> law.draw(2, draw="identity").round(decimals=6)
        tensor([[1., 2.],
                [3., 2.]], dtype=torch.float64)
    """

    mean: bool = True
    rank: int | float | None = None
    shrinkage: str = "none"
    noise: str | float = "bulk"
    bulk: bool = False
    name: ClassVar[str] = "gaussian"
    fitted: ClassVar[type[FittedLaw]] = FittedGaussian

    def __post_init__(self):
        if self.shrinkage not in ("none", "spiked"):
            raise LawError(f"shrinkage: expected 'none' or 'spiked', got {self.shrinkage!r}")
        switch("mean", self.mean, error=LawError)
        switch("bulk", self.bulk, error=LawError)
        object.__setattr__(self, "rank", check_rank(self.rank))
        if self.noise != "bulk":
            noise = real("noise", self.noise, above=0, otherwise="'bulk', or ", error=LawError)
            object.__setattr__(self, "noise", noise)
        if self.bulk and self.shrinkage == "none":
            raise LawError("bulk: True adds back what shrinkage took away; it needs shrinkage='spiked'")

    def _fit(self, rows: Float[Tensor, "n D"], blocks: tuple[Block, ...], reference: int, name: str) -> FittedGaussian:
        """Fit mean and factor by one thin singular value decomposition; no D × D matrix is formed."""
        mean = rows.mean(0) if self.mean else torch.zeros_like(rows[0])
        centred = rows - mean
        if self.shrinkage == "none":
            left, factor = thin_factor(centred)
            keep = kept(factor, self.rank, f"{name}: {len(rows)} neurons of {rows.shape[1]} numbers")
            return FittedGaussian(blocks, mean, factor[:keep], left[:reference, :keep])
        deviation = noise_deviation(centred, blocks, None if isinstance(self.noise, str) else self.noise)
        left, factor = spiked_factor(centred, deviation)
        if len(factor) == 0 and not self.bulk:
            warnings.warn(
                f"{name}: no direction of its {len(rows)} neurons rises above the noise, so the law has their mean and "
                "their noise; use a smaller noise, or shrinkage='none', for more",
                RainbowWarning,
                stacklevel=3,
            )
        keep = kept(
            factor, self.rank if len(factor) or self.bulk else None, f"{name}: the spikes of {len(rows)} neurons"
        )
        if self.bulk or len(factor) == 0:
            left, factor = left[:, :keep], factor[:keep]
            return FittedGaussian(blocks, mean, factor, left[:reference], deviation)
        left, factor = left[:, :keep], factor[:keep]
        left, factor = _keep_variance(centred, left, factor, scalar_columns(blocks))
        return FittedGaussian(blocks, mean, factor, left[:reference])


def _keep_variance(centred: Tensor, left: Tensor, factor: Tensor, columns: list[int]) -> tuple[Tensor, Tensor]:
    """Add a direction to each of these columns for the variance that the factor leaves out."""
    for column in columns:
        rest = centred[:, column] - left @ factor[:, column]
        missing = centred[:, column].square().mean() - factor[:, column].square().sum()
        if missing > 0:
            row = torch.zeros_like(factor[:1] if len(factor) else centred[:1])
            row[0, column] = math.sqrt(missing.item())
            left = torch.cat([left, rest[:, None] / row[0, column]], 1)
            factor = torch.cat([factor, row])
    return left, factor
