"""The law of a seed: a mean, a factor and a noise, whose reference neurons are its own draw of a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.laws.base import FittedLaw, Law, Shape
from rainbownet.laws.block import Block, block_slices
from rainbownet.laws.draws import coefficients
from rainbownet.laws.exact import GRID, exact_coefficients, exact_product, normals
from rainbownet.laws.precision import Precision, packed, unpacked


@dataclass(frozen=True)
class Recipe:
    """How the reference's neurons of a population follow from its law.

    Attributes:
        seed: The seed of all populations.
        population: Name of the population; each has streams of its own.
        count: Number of neurons.
        draw: How coefficients are drawn: "gaussian", "orthogonal" or "antithetic".
        streams: For each block the name of the stream its coefficients come from; one for all where a neuron is drawn
            as a whole.
    """

    seed: int
    population: str
    count: int
    draw: str
    streams: tuple[str, ...]

    def rows(
        self, block: int, mean: Float[Tensor, " s"], factor: Float[Tensor, "r s"], deviation: float
    ) -> Float[Tensor, "n s"]:
        """Return the columns of one block of every neuron, the same bits on every machine.

        Args:
            block: Its number.
            mean: Its mean.
            factor: Its columns of the factor.
            deviation: Deviation of its noise.
        """
        key = f"rainbownet/{self.seed}/{self.population}"
        white = exact_coefficients(self.draw, self.count, len(factor), f"{key}/{self.streams[block]}")
        rows = exact_product(white, factor.cpu().numpy().astype(np.float64)) + mean.cpu().numpy()
        if deviation > 0:
            rows += normals(f"{key}/noise/{block}", self.count, factor.shape[1]) * (deviation / 2**GRID)
        return torch.from_numpy(rows).to(factor)


@dataclass(frozen=True, eq=False)
class FittedSeeded(FittedLaw):
    """A Gaussian law of which a file keeps no neuron: those of the reference are drawn again from the seed.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean `(D,)`.
        factor: Factor `(r, D)` of the covariance less that of the noise.
        deviation: Deviation of the noise of each block, `(B,)`: independent in all columns.
        recipe: How the reference is drawn.
        precision: How many bits a number of mean and factor has in a file; it has no more here.
    """

    factor: Float[Tensor, "r D"]
    deviation: Float[Tensor, " B"]
    recipe: Recipe
    precision: Precision

    @property
    def rank(self) -> int:
        """Number of rows of the factor."""
        return len(self.factor)

    @cached_property
    def _neurons(self) -> Tensor:
        columns = block_slices(self.blocks)
        deviations = self.deviation.tolist()
        parts = [self.recipe.rows(b, self.mean[c], self.factor[:, c], deviations[b]) for b, c in enumerate(columns)]
        return torch.cat(parts, 1)

    def neurons(self) -> Float[Tensor, "n D"]:
        """Return the reference's neurons: the draw of the seed."""
        return self._neurons

    def mean_and_factor(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"]]:
        """Return mean and factor, beneath it that of the noise if there is any."""
        deviation = self._deviations()
        return self.mean, torch.cat([self.factor, torch.diag(deviation)[deviation > 0]])

    def spectrum(self) -> Float[Tensor, " r"]:
        """Return the eigenvalues of the covariance of neurons that are drawn, by decreasing size."""
        return torch.linalg.svdvals(self.mean_and_factor()[1]).square()

    def factor_and_noise(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"], Float[Tensor, " B"]]:
        """Return mean, factor, and the deviation of the noise of each block."""
        return self.mean, self.factor, self.deviation

    def _tensors(self) -> dict[str, Tensor]:
        rows = torch.cat([self.mean[None], self.factor])
        noise = {"deviation": self.deviation} if self.deviation.any() else {}
        return packed(rows, block_slices(self.blocks), self.precision) | noise

    @classmethod
    def of_file(
        cls, blocks: Sequence[Block], tensors: Mapping[str, Tensor], recipe: Recipe, precision: Precision
    ) -> FittedSeeded:
        """Return the law that `tensors` came from.

        Args:
            blocks: Its blocks.
            tensors: What `tensors()` returned.
            recipe: How its reference is drawn.
            precision: How many bits its numbers have.

        Raises:
            KeyError: If a tensor is missing.
        """
        rows = unpacked(tensors, block_slices(blocks))
        deviation = tensors["deviation"].double() if "deviation" in tensors else rows.new_zeros(len(blocks))
        return cls(tuple(blocks), rows[0], rows[1:], deviation, recipe, precision)

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        return cls.shapes(blocks, tensors)

    @staticmethod
    def shapes(blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        """Return the shape that each tensor of a file should have, as `check_tensor` reads it."""
        noise: dict[str, Shape] = {"deviation": (len(blocks),)} if "deviation" in tensors else {}
        scales: dict[str, Shape] = {"scales": ("k", len(blocks))} if "scales" in tensors else {}
        return {"values": ("k", "D"), **scales, **noise}

    def _deviations(self) -> Tensor:
        sizes = torch.tensor([block.size for block in self.blocks], device=self.deviation.device)
        return self.deviation.repeat_interleave(sizes)

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        white = coefficients(draw, n, self.rank, generator=generator).to(self.factor.device)
        rows = self.mean + white @ self.factor
        if not self.deviation.any():
            return rows
        count = (n + 1) // 2 if draw == "antithetic" else n
        noise = coefficients("gaussian", count, len(self.mean), generator=generator).to(self.factor.device)
        if draw == "antithetic":
            noise = torch.cat([noise, -noise[: n // 2]])
        return rows + noise * self._deviations()
