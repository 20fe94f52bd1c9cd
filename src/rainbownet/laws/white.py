"""The white law: the control that has the energy of the trained weights and nothing else of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.laws.base import FittedLaw, Law, Shape
from rainbownet.laws.block import Block, block_slices
from rainbownet.laws.draws import coefficients


@dataclass(frozen=True, eq=False)
class FittedWhite(FittedLaw):
    """A fitted white law.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean `(D,)`: zero but for parameters of one number.
        deviation: Deviation `(D,)`, one value per block.
        rows: The reference network's neurons.
    """

    deviation: Float[Tensor, " D"]
    rows: Float[Tensor, "n D"]

    @property
    def rank(self) -> int:
        """Number of columns that vary."""
        return int((self.deviation > 0).sum())

    def neurons(self) -> Float[Tensor, "n D"]:
        """Return the reference network's neurons."""
        return self.rows

    def mean_and_factor(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"]]:
        """Return the mean and a row per column that varies."""
        return self.mean, torch.diag(self.deviation)[self.deviation > 0]

    def spectrum(self) -> Float[Tensor, " r"]:
        """Return the eigenvalues of the covariance of neurons that are drawn, by decreasing size."""
        return self.deviation[self.deviation > 0].square().sort(descending=True).values

    def factor_and_noise(self) -> tuple[Float[Tensor, " D"], Float[Tensor, "r D"], Float[Tensor, " B"]]:
        """Return the mean, no factor, and the deviations."""
        starts = [columns.start for columns in block_slices(self.blocks)]
        return self.mean, self.rows[:0], self.deviation[starts]

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        return {"mean": ("D",), "deviation": ("D",), "rows": ("n", "D")}

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Float[Tensor, "n D"]:
        varying = self.deviation > 0
        rows = self.mean.repeat(n, 1)
        white = coefficients(draw, n, self.rank, generator=generator).to(rows.device)
        rows[:, varying] += white * self.deviation[varying]
        return rows


@dataclass(frozen=True)
class White(Law[FittedWhite]):
    """Every weight of a block is drawn alike: centred, with the block's mean square.

    Parameters of one number per neuron, biases and the scales and shifts of norms, keep their mean and variance. It is
    the control beside which a sampled accuracy stands: the same energy and the same alignment, but no covariance.

    Example:
        >>> law = White().fit(torch.tensor([[3.0, 4.0, 5.0]]), [Block("weight", (2,)), Block("bias", ())])
        >>> law.mean, law.deviation
        (tensor([0., 0., 5.], dtype=torch.float64), tensor([3.5355, 3.5355, 0.0000], dtype=torch.float64))
    """

    name: ClassVar[str] = "white"
    fitted: ClassVar[type[FittedLaw]] = FittedWhite

    def _fit(self, rows: Float[Tensor, "n D"], blocks: tuple[Block, ...], reference: int, name: str) -> FittedWhite:
        """Fit the energy of each block."""
        mean = torch.zeros_like(rows[0])
        deviation = torch.zeros_like(rows[0])
        for block, columns in zip(blocks, block_slices(blocks), strict=True):
            if block.size == 1:
                mean[columns] = rows[:, columns].mean()
            deviation[columns] = (rows[:, columns] - mean[columns]).square().mean().sqrt()
        return FittedWhite(blocks, mean, deviation, rows[:reference])
