"""Numbers of rows with fewer bits: float16, or whole numbers of eight bits with a scale for each row of each block."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import LawError

Precision = Literal["float32", "float16", "int8"] | str
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "int8": torch.int8}
_MOST = 127
_SCALE_BITS = 16
"""Bits of a scale: with the seven of a number they are within the 24 of float32, so that products are exact."""


def check_precision(value: object) -> str:
    """Return a precision.

    Raises:
        LawError: If it is none of `PRECISIONS`.
    """
    if value not in PRECISIONS:
        raise LawError(f"precision: expected one of {', '.join(map(repr, PRECISIONS))}; got {value!r}")
    return str(value)


def packed(rows: Float[Tensor, "k D"], blocks: Sequence[slice], precision: Precision) -> dict[str, Tensor]:
    """Return what a file holds of rows.

    Args:
        rows: The rows.
        blocks: Columns that have scales of their own.
        precision: How many bits a number has.

    Returns:
        `values (k, D)`, and `scales (k, B)` in float32 beside whole numbers.

    Raises:
        LawError: If a number is too large for float16.

    Example:
        >>> packed(torch.tensor([[1.0, -2.0, 0.5]]).double(), [slice(0, 2), slice(2, 3)], "int8")["values"]
        tensor([[  63, -127,  127]], dtype=torch.int8)
    """
    if precision != "int8":
        values = rows.to(PRECISIONS[precision])
        if not values.isfinite().all():
            raise LawError(f"precision: {rows.abs().max():.3g} is too large for {precision}; take 'float32' or 'int8'")
        return {"values": values}
    scales = (
        torch.stack([_scale(rows[:, columns]) for columns in blocks], 1) if blocks else rows.new_zeros(len(rows), 0)
    )
    safe = torch.where(scales > 0, scales, 1.0)
    parts = [(rows[:, columns] / safe[:, [b]]).round() for b, columns in enumerate(blocks)]
    return {"values": torch.cat(parts, 1).to(torch.int8), "scales": scales.float()}


def unpacked(tensors: Mapping[str, Tensor], blocks: Sequence[slice]) -> Float[Tensor, "k D"]:
    """Return the rows that `packed` made something of, rounded; packing them again gives the same.

    Raises:
        KeyError: If a tensor is missing.
    """
    values = tensors["values"].double()
    if tensors["values"].dtype == torch.int8:
        for b, columns in enumerate(blocks):
            values[:, columns] *= tensors["scales"][:, [b]].double()
    return values


def rounded(rows: Float[Tensor, "k D"], blocks: Sequence[slice], precision: Precision) -> Float[Tensor, "k D"]:
    """Return rows as a file of a precision holds them.

    Example:
        >>> rounded(torch.tensor([[1.0, -2.0]]).double(), [slice(0, 2)], "int8")
        tensor([[ 0.9922, -2.0001]], dtype=torch.float64)
    """
    return unpacked(packed(rows, blocks, precision), blocks)


def _scale(part: Tensor) -> Tensor:
    """Return the least scale of 16 bits that 127 times reaches the largest number of each row."""
    mantissa, exponent = np.frexp(part.abs().amax(1).double().cpu().numpy() / _MOST)
    return torch.from_numpy(np.ldexp(np.ceil(mantissa * 2**_SCALE_BITS), exponent - _SCALE_BITS)).to(part)
