"""Rows: how the activations of two layers become paired rows of channels, whatever their grids of positions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import RainbowError

Positions = Literal["auto", "pool", "project"] | str
"""What becomes of positions: rows where grids agree and else pooled, always pooled, or else projected."""

POSITIONS = ("auto", "pool", "project")


@dataclass(frozen=True)
class Layer:
    """The shape of one layer's activations.

    Attributes:
        name: Of the layer.
        grid: Its positions, such as `(8, 8)`; empty where there are none.
        channels: Its channels; the real and imaginary parts of complex ones count apart.
    """

    name: str
    grid: tuple[int, ...]
    channels: int

    @property
    def size(self) -> int:
        """Numbers for one stimulus."""
        total = self.channels
        for side in self.grid:
            total *= side
        return total


@dataclass(frozen=True)
class Group:
    """Layers of both sides that are brought to rows in one way, so that all their pairs share products.

    Attributes:
        how: `"positions"`: stimuli × positions are rows; `"pooled"`: the mean over positions is a row a stimulus;
            `"projected"`: random projections of all numbers are.
        a: Numbers of the layers of the first side.
        b: Those of the second.
    """

    how: str
    a: tuple[int, ...]
    b: tuple[int, ...]


def layers_of(activations: Mapping[str, Tensor]) -> list[Layer]:
    """Return the shapes of activations, channels last.

    Example:
        >>> layers_of({"conv": torch.zeros(2, 8, 8, 16), "fc": torch.zeros(2, 10)})
        [Layer(name='conv', grid=(8, 8), channels=16), Layer(name='fc', grid=(), channels=10)]
    """
    return [
        Layer(name, tuple(value.shape[1:-1]), value.shape[-1] * (2 if value.is_complex() else 1))
        for name, value in activations.items()
    ]


def groups_of(a: Sequence[Layer], b: Sequence[Layer], positions: Positions) -> tuple[list[Group], dict[tuple, int]]:
    """Decide how the rows of every pair of layers are made.

    Args:
        a: Layers of the first side.
        b: Layers of the second.
        positions: What becomes of positions.

    Returns:
        The groups, and for each pair of layers, by their numbers, which group it is in.

    Raises:
        RainbowError: If `positions` is no such word.
    """
    if positions not in POSITIONS:
        raise RainbowError(f"positions: expected one of {', '.join(map(repr, POSITIONS))}; got {positions!r}")
    kinds: dict[tuple[str, tuple[int, ...]], list[tuple[int, int]]] = {}
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            if positions != "pool" and left.grid == right.grid:
                key = ("positions", left.grid)
            else:
                key = ("projected" if positions == "project" else "pooled", ())
            kinds.setdefault(key, []).append((i, j))
    groups, owner = [], {}
    for (how, _), pairs in kinds.items():
        owner |= dict.fromkeys(pairs, len(groups))
        groups.append(Group(how, tuple(sorted({i for i, _ in pairs})), tuple(sorted({j for _, j in pairs}))))
    return groups, owner


@dataclass(frozen=True)
class Rows:
    """How activations of the layers of two sides become rows.

    Attributes:
        a: Layers of the first side.
        b: Those of the second.
        most: Channels beyond which rows are projected onto so many random directions, and how many directions
            `"projected"` takes.
    """

    a: Sequence[Layer]
    b: Sequence[Layer]
    most: int

    def of(self, value: Tensor, layer: Layer, how: str) -> Float[Tensor, "n d"]:
        """Return the rows of an activation.

        Args:
            value: An activation, stimuli first and channels last.
            layer: Its shape.
            how: One of the ways of `Group`.

        Returns:
            One row per stimulus, or per stimulus and position.
        """
        value = as_real(value)
        if how == "positions":
            rows = value.reshape(-1, layer.channels)
        elif how == "pooled":
            rows = value.flatten(1, -2).mean(1) if layer.grid else value
        else:
            rows = value.flatten(1)
        size = rows.shape[1]
        return rows @ projection(layer, size, self.most).to(rows) if size > self.most else rows

    def width(self, layer: Layer, how: str) -> int:
        """Return the channels of the rows of a layer."""
        return min(layer.size if how == "projected" else layer.channels, self.most)

    def described(self, i: int, j: int, how: str) -> str:
        """Say in a word or two how the rows of a pair were made, for the table."""
        pair = self.a[i], self.b[j]
        wide = any((x.size if how == "projected" else x.channels) > self.most for x in pair)
        plain = "stimuli" if how == "positions" and not pair[0].grid else how
        return f"{plain}, projected to {self.most}" if wide and how != "projected" else plain


def as_real(value: Tensor) -> Tensor:
    """Return complex channels as twice as many real ones."""
    return torch.cat([value.real, value.imag], dim=-1) if value.is_complex() else value


@lru_cache(maxsize=64)
def projection(layer: Layer, size: int, most: int) -> Float[Tensor, "d k"]:
    """Return random directions that keep inner products in the mean; the same for a layer of the same name and size."""
    seed = int.from_bytes(hashlib.sha256(f"{layer.name} {size} {most}".encode()).digest()[:7], "big")
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, most, generator=generator) / most**0.5
