"""What sums over rows share: slabs and dtypes."""

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import AlignmentError

SLAB = 2**15  # rows of one product: float32 sums stay short, and the float64 copy of a slab small

BLOCK = 256  # rows summed in their own dtype before float64 takes over

TILE = 2**18  # numbers of a pass over rows: what it makes stays in the cache of a core

STRIP = 128  # columns of a product of rows with themselves that are computed together, the half above the diagonal


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


def tiles(rows: Inexact[Tensor, "n d"]) -> tuple[Tensor, ...]:
    """Return rows in parts of whole blocks, each small enough for the cache."""
    return rows.split(max(1, TILE // (BLOCK * max(rows.shape[1], 1))) * BLOCK)


def square_sums(rows: Inexact[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """Return the sum of the squared magnitudes of each column, as exact as `column_sums`."""
    total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    for tile in tiles(rows):
        total += column_sums(squared_magnitudes(tile))
    return total


def self_product(rows: Inexact[Tensor, "n d"]) -> Inexact[Tensor, "d d"]:
    """Return the product of rows with themselves, the sum of `z zᴴ`; where there are many columns only half of it."""
    d = rows.shape[1]
    if d < 2 * STRIP:
        return rows.T @ rows.conj()
    strip = STRIP if d >= 8 * STRIP else STRIP // 2
    product = rows.new_empty(d, d)
    for start in range(0, d, strip):
        end = min(start + strip, d)
        above = product[:end, start:end]
        torch.mm(rows[:, :end].T, rows[:, start:end].conj(), out=above)
        product[start:end, :start] = above[:start].mH
    return product


def squared_magnitudes(rows: Inexact[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the squared magnitude of each entry."""
    return (rows * rows.conj()).real if rows.is_complex() else rows * rows
