"""Ties between channels: which entries of which axes are one channel, and which channels are one neuron."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ids = np.ndarray
"""Integer array of atoms; an atom is one entry along one axis of one parameter or tensor."""


@dataclass(frozen=True)
class Solved:
    """The classes of a set of ties.

    Attributes:
        channel: Class of each atom under "same channel" (the two share a basis, entry by entry).
        neuron: Class of each atom under "same neuron" (coarser: a neuron may own several channels).
        frozen: For each neuron class, whether it is part of an input, an output or a position axis, never resampled.
        tags: For each neuron class, the marks of the groups it belongs to.
    """

    channel: Ids
    neuron: Ids
    frozen: np.ndarray
    tags: dict[int, frozenset[Hashable]]


@dataclass
class Ties:
    """A union-find over atoms, solved once at the end (theory, 5)."""

    count: int = 0
    _channel: list[tuple[Ids, Ids]] = field(default_factory=list)
    _neuron: list[tuple[Ids, Ids]] = field(default_factory=list)
    _frozen: list[Ids] = field(default_factory=list)
    _tags: list[tuple[Ids, Hashable]] = field(default_factory=list)

    def fresh(self, size: int) -> Ids:
        """Return `size` new atoms."""
        ids = np.arange(self.count, self.count + size)
        self.count += size
        return ids

    def tie(self, a: Ids, b: Ids) -> None:
        """Declare the atoms of two arrays, broadcast together, to be the same channels."""
        a, b = np.broadcast_arrays(a, b)
        self._channel.append((a.ravel(), b.ravel()))

    def link(self, a: Ids, b: Ids) -> None:
        """Declare the atoms of two arrays to be channels of the same neurons."""
        a, b = np.broadcast_arrays(a, b)
        self._neuron.append((a.ravel(), b.ravel()))

    def freeze(self, ids: Ids) -> None:
        """Declare atoms never to be resampled."""
        self._frozen.append(np.ravel(ids))

    def tag(self, ids: Ids, mark: Hashable) -> None:
        """Mark atoms as members of a group, so that neurons of different groups have different laws."""
        self._tags.append((np.ravel(ids), mark))

    def solve(self) -> Solved:
        """Return the classes of all atoms."""
        channel = self._components(self._channel)
        neuron = self._components(self._channel + self._neuron)
        frozen = np.zeros(neuron.max(initial=-1) + 1, dtype=bool)
        for ids in self._frozen:
            frozen[neuron[ids]] = True
        tags: dict[int, set[Hashable]] = {}
        for ids, mark in self._tags:
            for root in np.unique(neuron[ids]):
                tags.setdefault(int(root), set()).add(mark)
        return Solved(channel, neuron, frozen, {root: frozenset(marks) for root, marks in tags.items()})

    def _components(self, pairs: list[tuple[Ids, Ids]]) -> Ids:
        if not self.count:
            return np.zeros(0, dtype=np.int64)
        left = np.concatenate([a for a, _ in pairs]) if pairs else np.zeros(0, dtype=np.int64)
        right = np.concatenate([b for _, b in pairs]) if pairs else np.zeros(0, dtype=np.int64)
        edges = coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(self.count, self.count))
        return connected_components(edges, directed=False)[1].astype(np.int64)


def factor_repeats(ids: Ids) -> tuple[int, Ids, int]:
    """Split an axis made by flattening into channels and positions.

    Args:
        ids: Channel classes along the axis.

    Returns:
        `(outer, channels, inner)`: the axis is `channels`, each entry repeated `inner` times, the whole tiled `outer`
        times. An axis that is no such product is returned whole, as `(1, ids, 1)`.

    Example:
        >>> factor_repeats(np.array([4, 4, 7, 7, 9, 9]))
        (1, array([4, 7, 9]), 2)
        >>> factor_repeats(np.array([4, 7, 4, 7]))
        (2, array([4, 7]), 1)
    """
    inner = _leading_run(ids)
    if len(ids) % inner or (ids.reshape(-1, inner) != ids[::inner, None]).any():
        return 1, ids, 1
    heads = ids[::inner]
    period = len(np.unique(heads))
    if len(heads) % period or (heads.reshape(-1, period) != heads[:period]).any():
        return 1, ids, 1
    return len(heads) // period, heads[:period], inner


def _leading_run(ids: Ids) -> int:
    different = np.flatnonzero(ids != ids[0])
    return int(different[0]) if len(different) else len(ids)
