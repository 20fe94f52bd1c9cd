"""Ties between channels: which entries of which axes are one channel, and which channels are one neuron."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ids = np.ndarray
"""Integer array of channel indices; each stands for one entry along one axis of one parameter or tensor."""


@dataclass(frozen=True)
class Solved:
    """The classes of a set of ties.

    Attributes:
        channel: Class of each channel index under "same channel" (the two share a basis, entry by entry).
        neuron: Class of each channel index under "same neuron" (coarser: a neuron may own several channels).
        frozen: For each neuron class, whether it is part of an input, an output or a position axis, never resampled.
        group: For each neuron class, the number of the set of marks it has.
        marks: These sets.
    """

    channel: Ids
    neuron: Ids
    frozen: np.ndarray
    group: Ids
    marks: tuple[frozenset[Hashable], ...]


@dataclass
class Ties:
    """A union-find over channel indices, solved once at the end (theory, 5)."""

    count: int = 0
    _channel: list[tuple[Ids, Ids]] = field(default_factory=list)
    _neuron: list[tuple[Ids, Ids]] = field(default_factory=list)
    _frozen: list[Ids] = field(default_factory=list)
    _tags: list[tuple[Ids, Hashable]] = field(default_factory=list)

    @property
    def declared(self) -> tuple[list[Any], ...]:
        """The lists of all that was declared; they only grow."""
        return self._channel, self._neuron, self._frozen, self._tags

    def fresh(self, size: int) -> Ids:
        """Return `size` new channel indices."""
        ids = np.arange(self.count, self.count + size)
        self.count += size
        return ids

    def tie(self, a: Ids, b: Ids) -> None:
        """Declare the entries of two arrays, broadcast together, to be the same channels."""
        a, b = np.broadcast_arrays(a, b)
        self._channel.append((a.ravel(), b.ravel()))

    def link(self, a: Ids, b: Ids) -> None:
        """Declare the entries of two arrays to be channels of the same neurons."""
        a, b = np.broadcast_arrays(a, b)
        self._neuron.append((a.ravel(), b.ravel()))

    def freeze(self, ids: Ids) -> None:
        """Declare channels never to be resampled."""
        self._frozen.append(np.ravel(ids))

    def frozen_by_now(self, ids: Ids) -> np.ndarray:
        """Return whether each channel was itself declared never to be resampled."""
        return np.isin(ids, np.concatenate([*self._frozen, np.zeros(0, dtype=np.int64)]))

    def tag(self, ids: Ids, mark: Hashable) -> None:
        """Mark channels as members of a group, so that neurons of different groups have different laws."""
        self._tags.append((np.ravel(ids), mark))

    def solve(self) -> Solved:
        """Return the classes of all channel indices."""
        channel = self._components(self._channel)
        neuron = self._components(self._channel + self._neuron)
        frozen = np.zeros(neuron.max(initial=-1) + 1, dtype=bool)
        for ids in self._frozen:
            frozen[neuron[ids]] = True
        return Solved(channel, neuron, frozen, *self._groups(neuron, len(frozen)))

    def _groups(self, neuron: Ids, classes: int) -> tuple[Ids, tuple[frozenset[Hashable], ...]]:
        """Return the number of the set of marks of each neuron class, and these sets."""
        numbers = {mark: i for i, mark in enumerate(dict.fromkeys(mark for _, mark in self._tags))}
        own = [np.unique(neuron[ids]) for ids, _ in self._tags]
        root = np.concatenate([*own, np.zeros(0, dtype=np.int64)])
        mark = np.repeat([numbers[m] for _, m in self._tags], [len(ids) for ids in own]).astype(np.int64)
        pairs = np.unique(np.stack([root, mark], axis=1), axis=0)
        lengths = np.bincount(pairs[:, 0], minlength=classes)
        group = number_sequences(pairs[:, 1], lengths)
        known = list(numbers)
        ends = np.cumsum(lengths)
        _, first = np.unique(group, return_index=True)
        return group, tuple(frozenset(known[i] for i in pairs[ends[k] - lengths[k] : ends[k], 1]) for k in first)

    def _components(self, pairs: list[tuple[Ids, Ids]]) -> Ids:
        if not self.count:
            return np.zeros(0, dtype=np.int64)
        left = np.concatenate([a for a, _ in pairs]) if pairs else np.zeros(0, dtype=np.int64)
        right = np.concatenate([b for _, b in pairs]) if pairs else np.zeros(0, dtype=np.int64)
        edges = coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(self.count, self.count))
        return connected_components(edges, directed=False)[1].astype(np.int64)


def number_sequences(values: Ids, lengths: Ids) -> Ids:
    """Number the distinct ones among consecutive sequences of integers, from 0 on.

    Args:
        values: The sequences, one after the other.
        lengths: The length of each.

    Example:
        >>> number_sequences(np.array([5, 6, 5, 5, 6]), np.array([2, 1, 2, 0]))
        array([2, 1, 2, 0])
    """
    starts = np.cumsum(lengths) - lengths
    numbers = np.empty(len(lengths), dtype=np.int64)
    known = 0
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        if length:
            rows = values[starts[members][:, None] + np.arange(length)]
            found, inverse = np.unique(rows, axis=0, return_inverse=True)
            numbers[members] = known + inverse.ravel()
            known += len(found)
        else:
            numbers[members] = known
            known += 1
    return numbers


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
