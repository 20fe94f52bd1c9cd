r"""Sums over paired rows of many layers on either side, all pairs of layers by a few large matrix products.

The layers of a side are laid next to each other: one product gives the cross moments of every pair. Beside the moments
go the sums that take the bias out of CKA. With the Gram matrices :math:`K = XX^⊤`, :math:`L = YY^⊤` of one pair, their
diagonals :math:`k_i = \|x_i\|^2`, :math:`l_i = \|y_i\|^2` and the column sums :math:`s_x = Σ_i x_i`, the unbiased HSIC
of Song et al. (JMLR 2012, theorem 3) needs

.. math:: \mathrm{tr}\,\tilde K\tilde L = \|X^⊤Y\|_F^2 - Σ k_i l_i, \quad
          1^⊤\tilde K 1 = \|s_x\|^2 - Σ k_i, \quad
          1^⊤\tilde K\tilde L 1 = s_x^⊤ X^⊤Y s_y - s_x^⊤ (X^⊤ l) - s_y^⊤ (Y^⊤ k) + Σ k_i l_i ,

a tilde for a diagonal set to zero, so that it streams and never forms a Gram matrix.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from rainbownet.moments.sums import SLAB, column_sums, product_dtype
from rainbownet.processes import distributed, sum_over_ranks

WAITING = 2**27
"""Bytes of rows that wait for one product."""


@dataclass(frozen=True)
class Pair:
    """The second moments of one pair of layers.

    Attributes:
        count: Number of rows.
        cross: :math:`E[x y^⊤]`.
        self_x: :math:`E[x x^⊤]`.
        self_y: :math:`E[y y^⊤]`.
    """

    count: int
    cross: Float[Tensor, "d e"]
    self_x: Float[Tensor, "d _d"]
    self_y: Float[Tensor, "e _e"]

    @property
    def energy_x(self) -> float:
        """Trace of the first self moment."""
        return self.self_x.diagonal().sum().item()

    @property
    def energy_y(self) -> float:
        """Trace of the second self moment."""
        return self.self_y.diagonal().sum().item()


class Sums:
    """Accumulate the second moments of every pair of layers of two sides, and the sums behind the debiased CKA.

    Rows are taken about the mean of the first ones seen, which no centred quantity notices and which keeps products in
    float32 exact where means are large; sums are float64.

    Args:
        widths_x: Channels of each layer of the first side.
        widths_y: Channels of each layer of the second side.
        centred: Whether the quantities read off are those of rows minus their mean.
        device: Where the sums live.

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [3.0], [6.0]])
        >>> sums = Sums([1], [1], centred=True).update([x], [2 * x])
        >>> pair = sums.pair(0, 0)
        >>> pair.cross.item(), pair.self_x.item()
        (7.0, 3.5)
        >>> round(sums.debiased_cka(0, 0), 12)
        1.0
    """

    def __init__(
        self,
        widths_x: Sequence[int],
        widths_y: Sequence[int],
        *,
        centred: bool,
        device: torch.device | str = "cpu",
    ) -> None:
        self.centred, self._placed = centred, False
        self.count = 0
        self.x, self.y = _Side(widths_x, device), _Side(widths_y, device)
        zeros = {"dtype": torch.float64, "device": device}
        self._cross = torch.zeros(self.x.width, self.y.width, **zeros)
        self._norms = torch.zeros(len(widths_x), len(widths_y), **zeros)  # Σ k_i l_i
        self._x_by_y = torch.zeros(self.x.width, len(widths_y), **zeros)  # Xᵀ l
        self._y_by_x = torch.zeros(self.y.width, len(widths_x), **zeros)  # Yᵀ k
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._most = max(256, min(4096, WAITING // (4 * (self.x.width + self.y.width))))
        self._known: dict[tuple[str, str, int], Any] = {}  # what is asked for with every pair of a layer

    @staticmethod
    def bytes(widths_x: Sequence[int], widths_y: Sequence[int]) -> int:
        """Return the bytes such sums take."""
        squares = sum(w * w for w in (*widths_x, *widths_y))
        return 8 * (sum(widths_x) * sum(widths_y) + squares)

    def update(self, rows_x: Sequence[Float[Tensor, "n _d"]], rows_y: Sequence[Float[Tensor, "n _e"]]) -> Sums:
        """Add paired rows: those of each layer of either side, `(n, channels)`, for the same stimuli.

        Returns:
            These sums.
        """
        if not len(rows_x[0]):
            return self
        if not self.count and not self._placed:
            self._place(rows_x, rows_y)
        dtype = functools.reduce(torch.promote_types, map(product_dtype, (*rows_x, *rows_y)))
        self._waiting.append((self.x.joined(rows_x, dtype), self.y.joined(rows_y, dtype)))
        self.count += len(rows_x[0])
        if sum(len(x) for x, _ in self._waiting) >= self._most:
            self._multiply()
        return self

    def _multiply(self) -> None:
        """Add the products of the rows that wait: of few rows, adding them up would cost more than the products."""
        if not self._waiting:
            return
        whole = [torch.cat(parts) for parts in zip(*self._waiting, strict=True)]
        self._waiting = []
        self._known.clear()
        for x, y in zip(*(rows.split(SLAB) for rows in whole), strict=True):
            norms_x, norms_y = self.x.add(x), self.y.add(y)
            self._cross += x.mT @ y
            self._norms += norms_x.double().mT @ norms_y.double()
            self._x_by_y += x.mT @ norms_y
            self._y_by_x += y.mT @ norms_x

    def about(self, rows_x: Sequence[Float[Tensor, "n _d"]], rows_y: Sequence[Float[Tensor, "n _e"]]) -> Sums:
        """Take centred rows about the mean of some, before any is added: of the first added ones otherwise.

        Under `torch.distributed` it is the mean of all processes' rows, so that their sums add up; all are to call it.

        Returns:
            These sums.
        """
        self._place(rows_x, rows_y)
        if distributed() and self.centred:
            self.x.shift, self.y.shift = (
                s / dist.get_world_size() for s in sum_over_ranks([self.x.shift, self.y.shift])
            )
        return self

    def _place(self, rows_x: Sequence[Tensor], rows_y: Sequence[Tensor]) -> None:
        self._placed = True
        if self.centred:
            self.x.about(rows_x)
            self.y.about(rows_y)

    def all_reduce(self) -> Sums:
        """Sum over the processes of `torch.distributed`, in place; without a process group, do nothing."""
        self._multiply()
        if distributed():
            self._known.clear()
            count = torch.tensor([float(self.count)], dtype=torch.float64, device=self._cross.device)
            own = [self._cross, self._norms, self._x_by_y, self._y_by_x, *self.x.sums(), *self.y.sums()]
            total, *summed = sum_over_ranks([count, *own])
            for mine, value in zip(own, summed, strict=True):
                mine.copy_(value)
            self.count = round(total.item())
        return self

    def pair(self, i: int, j: int) -> Pair:
        """Return the second moments of layer `i` of the first side and layer `j` of the second."""
        self._multiply()
        cross = self._cross[self.x.at(i), self.y.at(j)] / self.count
        if self.centred:
            cross = cross - torch.outer(self.x.mean(i, self.count), self.y.mean(j, self.count))
        return Pair(self.count, cross, self.self_moment("x", i), self.self_moment("y", j))

    def self_moment(self, side: str, i: int) -> Float[Tensor, "d _d"]:
        """Return the second moment of one layer of a side, `"x"` or `"y"`."""
        self._multiply()
        if ("moment", side, i) not in self._known:
            own = self.x if side == "x" else self.y
            moment = own.selves[i] / self.count
            mean = own.mean(i, self.count)
            self._known["moment", side, i] = moment - torch.outer(mean, mean) if self.centred else moment
        return self._known["moment", side, i]

    def hsic(self, i: int, j: int) -> float:
        """Return the unbiased HSIC of a pair (Song et al., 2012); NaN with fewer than four rows."""
        self._multiply()
        if self.count < 4:
            return math.nan
        return self._hsic(
            self._cross[self.x.at(i), self.y.at(j)],
            self.x.total(i),
            self.y.total(j),
            self._x_by_y[self.x.at(i), j],
            self._y_by_x[self.y.at(j), i],
            (self.x.norm(i), self.y.norm(j), self._norms[i, j].item()),
        )

    def debiased_cka(self, i: int, j: int) -> float:
        """Return the debiased linear CKA of a pair: that of unbiased HSICs, near zero for unrelated rows.

        Uncentred, the diagonals of the Gram matrices are left out and nothing is subtracted.

        Returns:
            The similarity; NaN with fewer than four rows, or where a layer is constant.
        """
        if self.count < 4:
            return math.nan
        self._multiply()
        for side, layer in (("x", i), ("y", j)):
            if ("hsic", side, layer) not in self._known:
                self._known["hsic", side, layer] = self._self_hsic(self.x if side == "x" else self.y, layer)
        own = self._known["hsic", "x", i] * self._known["hsic", "y", j]
        return self.hsic(i, j) / math.sqrt(own) if own > 0 else math.nan

    def _self_hsic(self, side: _Side, i: int) -> float:
        by_norm = side.by_norm[side.at(i)]
        norms = side.norm(i), side.norm(i), side.norms_squared[i].item()
        return self._hsic(side.selves[i], side.total(i), side.total(i), by_norm, by_norm, norms)

    def _hsic(
        self,
        cross: Tensor,
        total_x: Tensor,
        total_y: Tensor,
        x_by_norm: Tensor,
        y_by_norm: Tensor,
        norms: tuple[float, float, float],
    ) -> float:
        n, (sum_x, sum_y, both) = self.count, norms
        trace = cross.square().sum().item() - both
        if not self.centred:
            return trace / (n * (n - 1))
        all_x, all_y = total_x.square().sum().item() - sum_x, total_y.square().sum().item() - sum_y
        mixed = (total_x @ cross @ total_y - total_x @ x_by_norm - total_y @ y_by_norm).item() + both
        return (trace + all_x * all_y / ((n - 1) * (n - 2)) - 2 * mixed / (n - 2)) / (n * (n - 3))


class _Side:
    """The sums of one side alone: the layers' self moments, column sums and row norms."""

    def __init__(self, widths: Sequence[int], device: torch.device | str) -> None:
        self.widths, self.width = list(widths), sum(widths)
        self.slices = [slice(a, b) for a, b in pairwise(accumulate(widths, initial=0))]
        zeros = {"dtype": torch.float64, "device": device}
        self.shift = torch.zeros(self.width, **zeros)
        self.totals = torch.zeros(self.width, **zeros)
        self.selves = [torch.zeros(width, width, **zeros) for width in widths]
        self.norms = torch.zeros(len(widths), **zeros)
        self.norms_squared = torch.zeros(len(widths), **zeros)
        self.by_norm = torch.zeros(self.width, **zeros)  # Xᵀ k of each layer with its own norms

    def about(self, rows: Sequence[Tensor]) -> None:
        """Take the mean of some rows as the point that rows are taken about."""
        self.shift = torch.cat([column_sums(r[:SLAB].to(product_dtype(r))) / len(r[:SLAB]) for r in rows])

    def joined(self, rows: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """Return the rows of all layers next to each other, shifted."""
        return torch.cat([r.to(dtype) for r in rows], dim=1) - self.shift.to(dtype)

    def add(self, rows: Tensor) -> Tensor:
        """Add the side's own sums; return the squared norms of the rows, layer by layer."""
        self.totals += column_sums(rows)
        norms = []
        for i, place in enumerate(self.slices):
            own = rows[:, place]
            norms.append(own.square().sum(1))
            self.selves[i] += own.mT @ own
            self.by_norm[place] += own.mT @ norms[-1]
        k = torch.stack(norms, dim=1)
        self.norms += column_sums(k)
        self.norms_squared += k.double().square().sum(0)
        return k

    def at(self, i: int) -> slice:
        return self.slices[i]

    def total(self, i: int) -> Tensor:
        return self.totals[self.slices[i]]

    def mean(self, i: int, count: int) -> Tensor:
        return self.total(i) / count

    def norm(self, i: int) -> float:
        return self.norms[i].item()

    def sums(self) -> list[Tensor]:
        return [self.totals, *self.selves, self.norms, self.norms_squared, self.by_norm]
