"""Populations: neurons that fill the same slots, found from the classes of channel indices (theory, 5)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from rainbownet.graph.declared import IndexedParameter
from rainbownet.graph.ties import Ids, Solved, number_sequences


@dataclass(frozen=True)
class Population:
    """Neurons that fill the same slots: they share one law (theory, 5).

    Attributes:
        name: The module that writes it first; with a number when several populations start there.
        key: What tells populations apart: their slots, their groups, and whether they are frozen.
        frozen: Whether its channels belong to an input, an output or positions, and so are never resampled.
        slots: For each parameter, in order of execution, the entries of its indexed axis that belong to each neuron,
            an integer array `(n, entries)`.
        axes: The indexed axis of each of these parameters.
        writers: The parameters among the slots that read an activation.
    """

    name: str
    key: Hashable
    frozen: bool
    slots: dict[str, np.ndarray]
    axes: dict[str, int]
    writers: tuple[str, ...]

    def __len__(self) -> int:
        return len(next(iter(self.slots.values())))

    def starts_in(self, prefix: str) -> bool:
        """Whether its first writer lies in a module, given by name."""
        return any(name == prefix or name.startswith(prefix + ".") for name in (self.name, *self.writers[:1]))


@dataclass(frozen=True)
class Owners:
    """Where the neurons are found: for each neuron class a population and a number in it, -1 where it owns nothing.

    Attributes:
        population: Position of its population.
        number: Its row in the slots of that population.
    """

    population: Ids
    number: Ids

    def of(self, neurons: Ids) -> list[int]:
        """Return the positions of the populations of some neuron classes, each once."""
        return [k for k in np.unique(self.population[neurons]).tolist() if k >= 0]


@dataclass(frozen=True)
class _Runs:
    """The entries of indexed axes by owner: neurons in order of appearance, parameters in order of execution.

    Attributes:
        roots: The class of each neuron.
        entries: All entries, sorted by neuron and parameter.
        start: Where in these each run begins, of entries of one parameter that belong to one neuron.
        count: The length of each run.
        parameter: The parameter of each run.
        first: The first run of each neuron.
        runs: The number of runs of each neuron.
    """

    roots: Ids
    entries: Ids
    start: Ids
    count: Ids
    parameter: Ids
    first: Ids
    runs: Ids


def _owned_axes(parameters: Mapping[str, IndexedParameter], solved: Solved) -> dict[str, int]:
    """The axis along which neurons own the entries of each parameter: the one that is drawn, if any (one at most)."""
    owned: dict[str, int] = {}
    for name, parameter in parameters.items():
        drawn = [a for a, ids in parameter.index.items() if not solved.frozen[solved.neuron[ids]].all()]
        if drawn or parameter.index:
            owned[name] = (drawn or list(parameter.index))[0]
    return owned


def find_populations(
    parameters: Mapping[str, IndexedParameter], solved: Solved
) -> tuple[tuple[Population, ...], Owners]:
    """Group neurons by the slots they fill, the groups they are in, and whether they are frozen.

    Args:
        parameters: What rules declared of the parameters.
        solved: Classes of the channel indices.

    Returns:
        Populations, in order of the first parameter they own a part of, and where each neuron is found.
    """
    owned = _owned_axes(parameters, solved)
    names = list(owned)
    runs = _find_runs([solved.neuron[parameters[name].index[axis]] for name, axis in owned.items()])
    kinds = _kinds(runs, solved)
    population, number = (np.full(len(solved.frozen), -1) for _ in range(2))
    taken: dict[str, int] = {}
    result: list[Population] = []
    for position in range(kinds.max(initial=-1) + 1):
        members = np.flatnonzero(kinds == position)
        roots = runs.roots[members]
        population[roots], number[roots] = position, np.arange(len(members))
        slots = {}
        for j in range(runs.runs[members[0]]):
            run = runs.first[members] + j
            slots[names[runs.parameter[run[0]]]] = runs.entries[
                runs.start[run][:, None] + np.arange(int(runs.count[run[0]]))
            ]
        frozen = bool(solved.frozen[roots[0]])
        shape = tuple((name, entries.shape[1]) for name, entries in slots.items())
        key = (shape, tuple(sorted(map(repr, solved.marks[solved.group[roots[0]]]))), frozen)
        writers = tuple(name for name in slots if parameters[name].read is not None)
        first = writers[0] if writers else next(iter(slots))
        base = first.rpartition(".")[0] or first
        again = taken.get(base, 0)
        taken[base] = again + 1
        name = f"{base}#{again}" if again else base
        result.append(Population(name, key, frozen, slots, {n: owned[n] for n in slots}, writers))
    return tuple(result), Owners(population, number)


def _find_runs(neurons: list[Ids]) -> _Runs:
    """Sort the entries of some axes, given the neuron class behind each, by neuron."""
    root = np.concatenate([*neurons, np.zeros(0, dtype=np.int64)])
    parameter = np.repeat(np.arange(len(neurons)), [len(ids) for ids in neurons])
    entry = np.concatenate([*(np.arange(len(ids)) for ids in neurons), np.zeros(0, dtype=np.int64)])
    classes, appeared, inverse = np.unique(root, return_index=True, return_inverse=True)
    by_appearance = np.argsort(appeared)
    rank = np.empty_like(by_appearance)
    rank[by_appearance] = np.arange(len(classes))
    neuron = rank[inverse]
    order = np.argsort(neuron, kind="stable")
    neuron, parameter, entry = neuron[order], parameter[order], entry[order]
    start = np.flatnonzero(np.diff(neuron, prepend=-1) | np.diff(parameter, prepend=-1))
    count = np.diff(start, append=len(entry))
    runs = np.bincount(neuron[start], minlength=len(classes))
    return _Runs(classes[by_appearance], entry, start, count, parameter[start], np.cumsum(runs) - runs, runs)


def _kinds(runs: _Runs, solved: Solved) -> Ids:
    """Number what tells populations apart, for each neuron, in order of appearance."""
    widest = runs.count.max(initial=0) + 1
    shape = number_sequences(runs.parameter * widest + runs.count, runs.runs)
    names = [tuple(sorted(map(repr, marks))) for marks in solved.marks]
    alike = np.array([names.index(own) for own in names], dtype=np.int64)
    parts = np.stack([shape, alike[solved.group[runs.roots]], solved.frozen[runs.roots].astype(np.int64)], axis=1)
    _, appeared, inverse = np.unique(parts, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(appeared), dtype=np.int64)
    rank[np.argsort(appeared)] = np.arange(len(appeared))
    return rank[inverse.ravel()]
