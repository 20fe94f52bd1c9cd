"""Between activations and weights: the rows a reader sees, and the change of basis of a weight that reads them."""

from typing import Literal

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.graph import Reader

Flatten = Literal["channels", "features"] | str
FLATTENS = ("channels", "features")
"""At a flatten, whether maps act on channels, position by position (R), or on all flattened features (the tutorial)."""


def map_size(reader: Reader, flatten: Flatten) -> int:
    """Return the number of entries one group of a reader's map acts on."""
    positions = reader.outer * reader.inner if flatten == "features" else 1
    return reader.channels * positions // reader.groups


def channel_rows(
    value: Inexact[Tensor, "..."], reader: Reader, flatten: Flatten = "channels"
) -> Inexact[Tensor, "g n d"]:
    """Return the rows whose second moments a reader needs.

    Args:
        value: An activation, images first.
        reader: Which axis is read, and how it is made of channels and positions.
        flatten: Whether positions of a flattened axis are further rows or further columns.

    Returns:
        For each of the `g` groups, `n` rows (images × positions) of `d` channels.
    """
    moved = value.movedim(reader.dim, -1)
    if flatten == "channels" and reader.outer * reader.inner > 1:
        split = moved.reshape(*moved.shape[:-1], reader.outer, reader.channels, reader.inner)
        moved = split.movedim(-2, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    return rows.reshape(len(rows), reader.groups, -1).transpose(0, 1)


def read_through(
    weight: Inexact[Tensor, "..."], reader: Reader, maps: Inexact[Tensor, "g d e"], flatten: Flatten = "channels"
) -> Inexact[Tensor, "..."]:
    """Return the weight that reads other activations as a given one reads its own.

    With ``z ≈ A z'`` this is ``W A``, acting on the axis that reads and on nothing else.

    Args:
        weight: A parameter whose axis `reader.axis` reads activations `z`.
        reader: How that axis is made.
        maps: `A` for each group, from `e` entries of `z'` to `d` entries of `z`.
        flatten: What `A` acts on at a flattened axis.

    Returns:
        The weight, with the axis resized.
    """
    axis, groups = reader.axis, len(maps)
    if groups > 1:
        if axis == 0:
            raise ValueError("grouped weights read along an axis other than the first")
        parts = zip(weight.chunk(groups, dim=0), maps, strict=True)
        return torch.cat([_along(part, axis, a, 1, 1) for part, a in parts])
    if flatten == "features":
        return _along(weight, axis, maps[0], 1, 1)
    return _along(weight, axis, maps[0], reader.outer, reader.inner)


def _along(weight: Tensor, axis: int, a: Tensor, outer: int, inner: int) -> Tensor:
    moved = weight.movedim(axis, -1)
    split = moved.reshape(*moved.shape[:-1], outer, -1, inner)
    new = torch.einsum("...pci,cd->...pdi", split, a.to(weight.dtype))
    return new.reshape(*moved.shape[:-1], -1).movedim(-1, axis)
