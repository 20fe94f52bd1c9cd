"""Cross moments: the second moments of paired rows, streamed."""

from __future__ import annotations

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import AlignmentError
from rainbownet.moments.sums import (
    SLAB,
    check_dtype,
    column_sums,
    product_dtype,
    self_product,
    square_sums,
)
from rainbownet.processes import distributed, sum_over_ranks


class CrossMoment:
    r"""Accumulate the second moments of paired rows, uncentred.

    With rows :math:`z` (left: the reference) and :math:`z'` (right: the sampled network) it keeps the sums behind
    :math:`E[z z'^H]` (R5) and of the energies, and when asked those of either self moment and of the means, from which
    the moments of centred rows follow. Products are taken in the data's own dtype on the data's own device, in slabs of
    rows, and summed in float64.

    Args:
        left_dim: Number of channels `d` of the left rows.
        right_dim: Number of channels `e` of the right rows.
        left_self: Whether to keep :math:`E[z z^H]`.
        right_self: Whether to keep :math:`E[z' z'^H]`, which least squares and the quality of a map need.
        means: Whether to keep the means of both sides, which `centred` needs.
        dtype: float64, or complex128 when the rows are complex.
        device: Where the sums live.

    Raises:
        AlignmentError: If `dtype` is neither float64 nor complex128, or a dimension is not positive.

    Example:
        >>> moment = CrossMoment(2, 1)
        >>> _ = moment.update(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[1.0], [3.0]]))
        >>> moment.cross
        tensor([[0.5000],
                [3.0000]], dtype=torch.float64)
        >>> moment.left_energy, moment.right_energy
        (2.5, 5.0)
    """

    def __init__(
        self,
        left_dim: int,
        right_dim: int,
        *,
        left_self: bool = False,
        right_self: bool = True,
        means: bool = False,
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
    ):
        check_dtype(dtype)
        if left_dim < 1 or right_dim < 1:
            raise AlignmentError(f"a moment needs at least one channel on each side, got {left_dim} and {right_dim}")
        self.left_dim, self.right_dim = left_dim, right_dim
        self.dtype, self.device = dtype, torch.device(device)
        self.count = 0
        zero = torch.zeros((), dtype=dtype, device=self.device)
        real = torch.zeros((), dtype=torch.float64, device=self.device)
        # A sum of nothing is one zero, expanded: it takes no memory until its first rows come.
        self._begun: set[str] = set()
        self._sums: dict[str, Tensor] = {
            "cross": zero.expand(left_dim, right_dim),
            "left_second": real.expand(left_dim),
            "right_second": real.expand(right_dim),
        }
        if left_self:
            self._sums["left"] = zero.expand(left_dim, left_dim)
        if right_self:
            self._sums["right"] = zero.expand(right_dim, right_dim)
        if means:
            self._sums["left_mean"] = zero.expand(left_dim)
            self._sums["right_mean"] = zero.expand(right_dim)

    def update(self, left: Inexact[Tensor, "n d"], right: Inexact[Tensor, "_n e"]) -> CrossMoment:
        """Add paired rows.

        Args:
            left: Rows of the reference, `(n, d)`.
            right: The rows of the sampled network for the same images and positions, `(n, e)`.

        Returns:
            This moment.

        Raises:
            AlignmentError: If the rows are not paired, have other widths, or are complex in a real moment.
        """
        if len(left) != len(right):
            raise AlignmentError(f"rows come in pairs: got {len(left)} left rows and {len(right)} right rows")
        self._check_rows("left", left, self.left_dim)
        self._check_rows("right", right, self.right_dim)
        dtype = torch.promote_types(product_dtype(left), product_dtype(right))
        for start in range(0, len(left), SLAB):
            z = left[start : start + SLAB].to(dtype)
            w = right[start : start + SLAB].to(dtype)
            self._add("cross", z.T @ w.conj())
            if "left" in self._sums:
                self._add("left", self_product(z))
            if "right" in self._sums:
                self._add("right", self_product(w))
            for side, rows in (("left", z), ("right", w)):
                self._add(f"{side}_second", square_sums(rows))
                if f"{side}_mean" in self._sums:
                    self._add(f"{side}_mean", column_sums(rows))
        self.count += len(left)
        return self

    @property
    def cross(self) -> Inexact[Tensor, "d e"]:
        """:math:`E[z z'^H]`, reference channels × sampled channels."""
        return self._mean("cross")

    @property
    def left(self) -> Inexact[Tensor, "d d"]:
        """:math:`E[z z^H]` of the reference, when kept."""
        return self._mean("left")

    @property
    def right(self) -> Inexact[Tensor, "e e"]:
        """:math:`E[z' z'^H]` of the sampled network, when kept."""
        return self._mean("right")

    @property
    def left_second(self) -> Float[Tensor, " d"]:
        """:math:`E|z|^2` of each reference channel."""
        return self._mean("left_second")

    @property
    def right_second(self) -> Float[Tensor, " e"]:
        """:math:`E|z'|^2` of each sampled channel."""
        return self._mean("right_second")

    @property
    def left_energy(self) -> float:
        r""":math:`E\|z\|^2`, the trace of the reference's self moment."""
        return self.left_second.sum().item()

    @property
    def right_energy(self) -> float:
        r""":math:`E\|z'\|^2`, the trace of the sampled network's self moment."""
        return self.right_second.sum().item()

    def centred(self) -> CrossMoment:
        r"""Return the moment of the same rows minus their means, :math:`E[z z'^H] - E[z] E[z']^H`.

        It is read off the sums, so that where means are large it errs by the rounding of the means' squares.

        Returns:
            A moment that keeps what this one keeps but for the means, which are zero.

        Raises:
            AlignmentError: If the means were not kept (`means=True`), or no row was seen.
        """
        means = {"left": self._mean("left_mean"), "right": self._mean("right_mean")}
        other = CrossMoment(
            self.left_dim,
            self.right_dim,
            left_self="left" in self._sums,
            right_self=self.keeps_right,
            dtype=self.dtype,
            device=self.device,
        )
        other.count, other._begun = self.count, set(other._sums)
        sides = {"cross": ("left", "right"), "left": ("left", "left"), "right": ("right", "right")}
        for name in other._sums:
            if name in sides:
                a, b = (means[side] for side in sides[name])
                other._sums[name] = self._sums[name] - self.count * torch.outer(a, b.conj())
            else:
                square = means[name.removesuffix("_second")].abs().square()
                other._sums[name] = (self._sums[name] - self.count * square).clamp(min=0.0)
        return other

    @property
    def keeps_right(self) -> bool:
        """Whether the self moment of the right rows is kept."""
        return "right" in self._sums

    def all_reduce(self) -> CrossMoment:
        """Sum over the processes of `torch.distributed`, in place; without a process group, do nothing.

        Returns:
            This moment, the same on every process.
        """
        if distributed():
            count = torch.tensor([float(self.count)], dtype=torch.float64, device=self.device)
            total, *sums = sum_over_ranks([count, *self._sums.values()])
            self.count = round(total.item())
            self._sums = dict(zip(self._sums, sums, strict=True))
            self._begun = set(self._sums)
        return self

    def check(self, name: str, *, dead: bool = False) -> CrossMoment:
        """Refuse a moment that no map can be computed from.

        Args:
            name: The layer or space the rows belong to, for the message.
            dead: Whether the right side may be zero on every row: the zero map is as good as any then.

        Returns:
            This moment.

        Raises:
            AlignmentError: If no row was seen, a value is not finite, or one side is zero on every row.
        """
        if self.count == 0:
            raise AlignmentError(f"{name}: no activations were seen; the loader must yield at least one batch")
        if not all(value.sum().isfinite() for value in self._sums.values()):  # NaN and Inf stay, whatever is added
            raise AlignmentError(
                f"{name}: activations are not finite (NaN or Inf) on {self._bad_channels()}; "
                "check the inputs, or lower the scale of the layers before"
            )
        for side, energy in (("reference", self.left_energy), ("sampled network", self.right_energy)):
            if energy == 0.0 and not (dead and side == "sampled network"):
                raise AlignmentError(
                    f"{name}: activations of the {side} are zero on all {self.count} rows; "
                    "every channel is dead and nothing can be aligned"
                )
        return self

    def _bad_channels(self) -> str:
        left, right = (int((~torch.isfinite(self._sums[side])).sum()) for side in ("left_second", "right_second"))
        return f"{left} of {self.left_dim} reference channels and {right} of {self.right_dim} sampled channels"

    def _check_rows(self, side: str, rows: Tensor, dim: int) -> None:
        if rows.shape[1] != dim:
            raise AlignmentError(f"{side} rows have {rows.shape[1]} channels, the moment was made for {dim}")
        if rows.is_complex() and not self.dtype.is_complex:
            raise AlignmentError(f"{side} rows are complex ({rows.dtype}); make the moment with dtype=torch.complex128")

    def _add(self, name: str, value: Tensor) -> None:
        total = self._sums[name]
        value = value.to(device=total.device, dtype=total.dtype)
        if name in self._begun:
            total += value
        else:
            self._sums[name] = value
            self._begun.add(name)

    def _mean(self, name: str) -> Tensor:
        if name not in self._sums:
            what, option = (
                ("means were", "means") if name.endswith("_mean") else (f"{name} self moment was", f"{name}_self")
            )
            raise AlignmentError(f"the {what} not kept; make the moment with {option}=True")
        if self.count == 0:
            raise AlignmentError("a moment of no rows has no value; update it first")
        return self._sums[name] / self.count
