"""What sums over rows share: slabs and dtypes."""

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import AlignmentError

SLAB = 2**15  # rows of one product: float32 sums stay short, and the float64 copy of a slab small

BLOCK = 256  # rows summed in their own dtype before float64 takes over


def check_dtype(dtype: torch.dtype) -> None:
    """Refuse a dtype that sums are not kept in."""
    if dtype not in (torch.float64, torch.complex128):
        raise AlignmentError(f"moments are summed in torch.float64 or torch.complex128, not in {dtype}")


def product_dtype(rows: Tensor) -> torch.dtype:
    """Return the dtype products of these rows are taken in: their own, but at least float32."""
    return torch.float32 if rows.dtype in (torch.float16, torch.bfloat16) else rows.dtype


def double_dtype(rows: Tensor) -> torch.dtype:
    """Return the double precision dtype of the same kind, real or complex."""
    return torch.complex128 if rows.is_complex() else torch.float64


def column_sums(rows: Inexact[Tensor, "n d"]) -> Inexact[Tensor, " d"]:
    """Return the sum of each column in double precision.

    Blocks of rows are summed in the rows' own dtype: in float32 that errs by some 1e-8 of the sum of magnitudes, and is
    nine times as fast as a float64 copy.
    """
    blocks = len(rows) // BLOCK
    sums = rows[: blocks * BLOCK].unflatten(0, (blocks, BLOCK)).sum(1).to(double_dtype(rows)).sum(0)
    return sums + rows[blocks * BLOCK :].sum(0)


def squared_magnitudes(rows: Inexact[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the squared magnitude of each entry."""
    return (rows * rows.conj()).real
