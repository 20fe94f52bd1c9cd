"""The Kronecker law: the covariance of a kernel is that of its channels times that of its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.checks import switch, whole
from rainbownet.errors import LawError
from rainbownet.laws.base import FittedLaw, Law, Shape
from rainbownet.laws.block import Block, block_slices, scalar_columns
from rainbownet.laws.draws import coefficients
from rainbownet.laws.factor import thin_factor


@dataclass(frozen=True, eq=False)
class Part:
    """Columns whose numbers are drawn together: one block, or all blocks of one number.

    Attributes:
        columns: The columns, as indices.
        channel: Factor `(r, c)` of the covariance of the channels.
        space: Factor `(q, s)` of the covariance of the positions; one number, 1, where there are none.
    """

    columns: list[int]
    channel: Float[Tensor, "r c"]
    space: Float[Tensor, "q s"]

    @property
    def rank(self) -> int:
        """Number of white coefficients."""
        return len(self.channel) * len(self.space)

    def rows(self, white: Float[Tensor, "n k"]) -> Float[Tensor, "n D"]:
        """Colour white coefficients by both factors."""
        grid = white.reshape(len(white), len(self.channel), len(self.space))
        return (self.channel.T @ grid @ self.space).reshape(len(white), -1)


@dataclass(frozen=True, eq=False)
class FittedKronecker(FittedLaw):
    """A fitted Kronecker law.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean `(D,)`.
        parts: Factors of each independent part.
        rows: The reference network's neurons.
    """

    parts: tuple[Part, ...]
    rows: Float[Tensor, "n D"]

    @property
    def rank(self) -> int:
        """Number of white coefficients over all parts."""
        return sum(part.rank for part in self.parts)

    def neurons(self) -> Float[Tensor, "n D"]:
        """Return the reference network's neurons."""
        return self.rows

    def mean_and_factor(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"]]:
        """Return the mean and the factors of the parts, each on its own columns."""
        parts = []
        for part in self.parts:
            factor = torch.zeros(part.rank, len(self.mean)).to(self.mean)
            factor[:, part.columns] = part.rows(torch.eye(part.rank).to(factor))
            parts.append(factor)
        return self.mean, torch.cat(parts)

    def spectrum(self) -> Float[Tensor, " r"]:
        """Return the eigenvalues of the covariance of neurons that are drawn, by decreasing size."""
        pairs = [[torch.linalg.svdvals(side).square() for side in (part.channel, part.space)] for part in self.parts]
        return torch.cat([torch.outer(*pair).flatten() for pair in pairs]).sort(descending=True).values

    def _tensors(self) -> dict[str, Tensor]:
        factors = {
            f"{name}.{i}": getattr(part, name) for i, part in enumerate(self.parts) for name in ("channel", "space")
        }
        return super()._tensors() | factors

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        parts: dict[str, Shape] = {"mean": ("D",), "rows": ("n", "D")}
        for i, (_, (c, s)) in enumerate(_layout(blocks)):
            parts |= {f"channel.{i}": (f"r{i}", c), f"space.{i}": (f"q{i}", s)}
        return parts

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> FittedKronecker:
        parts = tuple(
            Part(columns, tensors[f"channel.{i}"].double(), tensors[f"space.{i}"].double())
            for i, (columns, _) in enumerate(_layout(blocks))
        )
        return cls(blocks, tensors["mean"].double(), parts, tensors["rows"].double())

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        rows = self.mean.repeat(n, 1)
        for part in self.parts:
            white = coefficients(draw, n, part.rank, generator=generator).to(rows.device)
            rows[:, part.columns] += part.rows(white)
        return rows


@dataclass(frozen=True)
class Kronecker(Law[FittedKronecker]):
    r"""A kernel's covariance is a product, :math:`C_{channel} \otimes C_{space}`, of far fewer numbers.

    Each block of shape `(c, kh, kw)` is matrix normal and fitted by maximum likelihood (flip-flop: Dutilleul, J. Stat.
    Comput. Simul. 64, 1999). Blocks without positions, or with one channel, have a full covariance. Dependence between
    blocks is dropped, but for the parameters of one number per neuron (biases, scales and shifts of norms), which stay
    jointly normal.

    Args:
        mean: Whether the law has a mean; without, second moments take the covariances' place.
        iterations: Rounds of flip-flop; it converges in a few.

    Raises:
        LawError: If `iterations` is not positive.

    Example:
        >>> rows = torch.randn(50, 19, generator=torch.Generator().manual_seed(0))
        >>> law = Kronecker().fit(rows, [Block("weight", (2, 3, 3)), Block("bias", ())])
        >>> [(part.channel.shape, part.space.shape) for part in law.parts]
        [(torch.Size([2, 2]), torch.Size([9, 9])), (torch.Size([1, 1]), torch.Size([1, 1]))]
    """

    mean: bool = True
    iterations: int = 20
    name: ClassVar[str] = "kronecker"
    fitted: ClassVar[type[FittedLaw]] = FittedKronecker

    def __post_init__(self):
        switch("mean", self.mean, error=LawError)
        object.__setattr__(self, "iterations", whole("iterations", self.iterations, least=1, error=LawError))

    def _fit(self, rows: Float[Tensor, "n D"], blocks: tuple[Block, ...], reference: int, name: str) -> FittedKronecker:
        """Fit the factors of every block."""
        mean = rows.mean(0) if self.mean else torch.zeros_like(rows[0])
        parts = []
        for columns, (c, s) in _layout(blocks):
            kernels = (rows - mean)[:, columns].reshape(len(rows), c, s)
            parts.append(Part(columns, *flip_flop(kernels, self.iterations)))
        return FittedKronecker(blocks, mean, tuple(parts), rows[:reference])


def flip_flop(kernels: Float[Tensor, "n c s"], iterations: int) -> tuple[Float[Tensor, "r c"], Float[Tensor, "q s"]]:
    r"""Fit a matrix normal law by maximum likelihood.

    .. math:: C = \frac1{ns} \sum_i X_i S^{-1} X_i^\top, \qquad S = \frac1{nc} \sum_i X_i^\top C^{-1} X_i

    in turns, on the ranges of the two; `S` is scaled to mean variance 1, and in the end `C` so that a drawn kernel has
    the mean energy of the given ones, which the maximum has only if the law is true. The likelihood has a maximum when
    `n s > c` and `n c > s`; with fewer kernels the factors still span the range of the kernels.

    Args:
        kernels: Centred kernels, channels × positions.
        iterations: Number of turns.

    Returns:
        Factors of the covariances of channels and positions; empty if the kernels are all zero.

    Example:
        >>> channel, space = flip_flop(torch.tensor([[[2.0]], [[-2.0]]]).double(), 3)
        >>> channel.abs().round(decimals=6), space.abs().round(decimals=6)
        (tensor([[2.]], dtype=torch.float64), tensor([[1.]], dtype=torch.float64))
    """
    s = kernels.shape[2]
    space = torch.eye(s, dtype=kernels.dtype, device=kernels.device)
    channel = _factor_given(kernels, space)
    if s == 1 or len(channel) == 0:
        return channel, space
    for _ in range(iterations):
        space = _factor_given(kernels.mT, channel)
        space = space * (s / space.square().sum()).sqrt()
        channel = _factor_given(kernels, space)
    energy = kernels.square().sum() / len(kernels)
    return channel * (energy / (channel.square().sum() * space.square().sum())).sqrt(), space


def _factor_given(kernels: Tensor, other: Tensor) -> Tensor:
    """Factor the covariance along the first axis, the second whitened by the factor of its own."""
    whitened = kernels @ torch.linalg.pinv(other)
    return thin_factor(whitened.mT.reshape(-1, kernels.shape[1]))[1]


def _layout(blocks: Sequence[Block]) -> list[tuple[list[int], tuple[int, int]]]:
    """Return the columns of each independent part and its numbers of channels and positions."""
    layout = []
    for block, columns in zip(blocks, block_slices(blocks), strict=True):
        if block.size > 1:
            c = block.shape[0]
            shape = (block.size, 1) if c == 1 else (c, block.size // c)
            layout.append((list(range(columns.start, columns.stop)), shape))
    scalars = scalar_columns(blocks)
    return layout + ([(scalars, (len(scalars), 1))] if scalars else [])
