"""Channel moments: the exact mean and variance of each channel, streamed."""

from __future__ import annotations

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import AlignmentError
from rainbownet.moments.sums import (
    check_dtype,
    column_sums,
    product_dtype,
    square_sums,
    squared_magnitudes,
    tiles,
)
from rainbownet.processes import distributed, sum_over_ranks


class ChannelMoment:
    """Accumulate the mean and the variance of each channel, as a norm layer uses them.

    The variance is the biased :math:`E|z - m|^2`, merged slab by slab in float64 (Chan, Golub & LeVeque, 1979), so that
    it is exact to rounding even where the mean is large.

    Args:
        dim: Number of channels `d`.
        dtype: float64, or complex128 when the rows are complex.
        device: Where the sums live.

    Raises:
        AlignmentError: If `dtype` is neither float64 nor complex128.

    Example:
        >>> moment = ChannelMoment(2).update(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
        >>> moment.mean, moment.variance
        (tensor([2., 5.], dtype=torch.float64), tensor([1., 0.], dtype=torch.float64))
    """

    def __init__(self, dim: int, *, dtype: torch.dtype = torch.float64, device: str | torch.device = "cpu"):
        check_dtype(dtype)
        self.dim, self.dtype, self.device = dim, dtype, torch.device(device)
        self.count = 0
        self._mean = torch.zeros(dim, dtype=dtype, device=self.device)
        self._deviation = torch.zeros(dim, dtype=torch.float64, device=self.device)

    def update(self, rows: Inexact[Tensor, "n d"]) -> ChannelMoment:
        """Add rows.

        Args:
            rows: Activations, `(n, d)`.

        Returns:
            This moment.

        Raises:
            AlignmentError: If the rows have other channels than the moment, or are complex in a real moment.
        """
        if rows.shape[1] != self.dim:
            raise AlignmentError(f"rows have {rows.shape[1]} channels, the moment was made for {self.dim}")
        if rows.is_complex() and not self.dtype.is_complex:
            raise AlignmentError(f"rows are complex ({rows.dtype}); make the moment with dtype=torch.complex128")
        for tile in tiles(rows):
            if len(tile):
                slab = tile.to(product_dtype(tile))
                # About a rough mean the differences are small, and their sums exact to the rounding of the rows.
                rough = slab.mean(0)
                rest = slab - rough
                step = column_sums(rest) / len(slab)
                deviation = square_sums(rest) - len(slab) * squared_magnitudes(step)
                self._join(len(slab), rough + step, deviation)
        return self

    @property
    def mean(self) -> Inexact[Tensor, " d"]:
        """Mean of each channel."""
        return self._counted(self._mean)

    @property
    def variance(self) -> Float[Tensor, " d"]:
        """Biased variance :math:`E|z - m|^2` of each channel."""
        return self._counted(self._deviation / max(self.count, 1))

    @property
    def second(self) -> Float[Tensor, " d"]:
        """:math:`E|z|^2` of each channel."""
        return self.variance + self.mean.abs().square()

    def all_reduce(self) -> ChannelMoment:
        """Join the processes of `torch.distributed`, in place; without a process group, do nothing.

        Returns:
            This moment, the same on every process.
        """
        if distributed():
            count = torch.tensor([float(self.count)], dtype=torch.float64, device=self.device)
            total, summed = sum_over_ranks([count, self._mean * self.count])
            mean = summed / total.clamp(min=1.0)
            shifted = self._deviation + self.count * (self._mean - mean).abs().square()
            self.count, self._mean = round(total.item()), mean
            (self._deviation,) = sum_over_ranks([shifted])
        return self

    def _join(self, count: int, mean: Tensor, deviation: Tensor) -> None:
        mean, deviation = mean.to(self.device, self.dtype), deviation.to(self.device)
        total = self.count + count
        step = mean - self._mean
        self._deviation += deviation + step.abs().square() * (self.count * count / total)
        self._mean += step * (count / total)
        self.count = total

    def _counted(self, value: Tensor) -> Tensor:
        if self.count == 0:
            raise AlignmentError("a moment of no rows has no value; update it first")
        return value.clone()
