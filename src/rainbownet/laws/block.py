"""Blocks: which columns of a neuron's row are which parameter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import LawError


@dataclass(frozen=True)
class Block:
    """One parameter's slice of a neuron: its kernel in a layer, its bias, the scale of its norm.

    Attributes:
        name: Name of the parameter, `layer1.0.conv1.weight`.
        shape: Shape of the slice, `(64, 3, 3)` for a kernel and `()` for one number.

    Example:
        >>> Block("layer1.0.conv1.weight", (64, 3, 3)).size, Block("bn1.bias", ()).size
        (576, 1)
    """

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of columns."""
        return math.prod(self.shape)


def block_slices(blocks: Sequence[Block]) -> list[slice]:
    """Return the columns of each block.

    Args:
        blocks: The blocks of a row, in order.

    Returns:
        A slice of columns per block.

    Example:
        >>> block_slices([Block("weight", (2, 3)), Block("bias", ())])
        [slice(0, 6, None), slice(6, 7, None)]
    """
    starts = [sum(b.size for b in blocks[:i]) for i in range(len(blocks))]
    return [slice(start, start + block.size) for start, block in zip(starts, blocks, strict=True)]


def scalar_columns(blocks: Sequence[Block]) -> list[int]:
    """Return the columns of the blocks of one number per neuron: biases, scales and shifts of norms.

    Args:
        blocks: The blocks of a row, in order.

    Returns:
        Their columns, increasing.

    Example:
        >>> scalar_columns([Block("weight", (2, 3)), Block("bias", ())])
        [6]
    """
    return [columns.start for columns, block in zip(block_slices(blocks), blocks, strict=True) if block.size == 1]


def check_rows(
    rows: Inexact[Tensor, "n D"], blocks: Sequence[Block], reference: int | None
) -> tuple[Float[Tensor, "n D"], tuple[Block, ...], int]:
    """Check what a law is fitted to.

    Args:
        rows: Neurons, one per row.
        blocks: The blocks of a row, in order.
        reference: How many of the first rows belong to the reference network; all if None.

    Returns:
        The rows in float64, the blocks as a tuple, and the number of reference rows.

    Raises:
        LawError: If rows are missing, complex, not finite, or do not have the columns of the blocks.
    """
    n, dims = rows.shape
    sizes = sum(block.size for block in blocks)
    names = ", ".join(f"{block.name} {block.shape}" for block in blocks)
    if dims != sizes:
        raise LawError(f"rows have {dims} columns, but the blocks {names} make {sizes}")
    if n == 0:
        raise LawError(f"a law needs at least one neuron, got none for {names}")
    if rows.is_complex():
        raise LawError(f"laws are of real rows, got {rows.dtype}; view them as real, with blocks of shape (…, 2)")
    if not torch.isfinite(rows).all():
        bad = [
            block.name
            for block, columns in zip(blocks, block_slices(blocks), strict=True)
            if not torch.isfinite(rows[:, columns]).all()
        ]
        raise LawError(f"neurons are not finite (NaN or Inf) in {', '.join(bad)}")
    if reference is not None and not 1 <= reference <= n:
        raise LawError(f"the reference network has between 1 and {n} of the {n} rows, got {reference}")
    return rows.detach().double(), tuple(blocks), n if reference is None else reference
