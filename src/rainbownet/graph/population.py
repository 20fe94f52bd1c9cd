"""Populations: neurons that fill the same slots, found from the classes of atoms (theory, 5)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from rainbownet.errors import ArchitectureError
from rainbownet.graph.propagate import Propagation
from rainbownet.graph.ties import Ids, Solved


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


def _owned_axes(p: Propagation, solved: Solved) -> dict[str, int]:
    """The axis along which neurons own the entries of each parameter: the one that is drawn, if any."""
    owned: dict[str, int] = {}
    for name, parameter in p.parameters.items():
        drawn = [a for a, ids in parameter.index.items() if not solved.frozen[solved.neuron[ids]].all()]
        if len(drawn) > 1:
            raise ArchitectureError(
                f"parameter {name!r} of shape {parameter.shape} is indexed by drawn channels along axes {drawn}; "
                "a law of neurons needs one"
            )
        if drawn or parameter.index:
            owned[name] = (drawn or list(parameter.index))[0]
    return owned


def find_populations(p: Propagation, solved: Solved) -> list[Population]:
    """Group neurons by the slots they fill, the groups they are in, and whether they are frozen.

    Args:
        p: What rules declared of the parameters.
        solved: Classes of the atoms.

    Returns:
        Populations, in order of the first parameter they own a part of.

    Raises:
        ArchitectureError: If a parameter belongs to neurons along two axes.
    """
    owned = _owned_axes(p, solved)
    entries: dict[int, dict[str, list[int]]] = {}
    for name, axis in owned.items():
        for i, root in enumerate(solved.neuron[p.parameters[name].index[axis]]):
            entries.setdefault(int(root), {}).setdefault(name, []).append(i)
    groups: dict[Hashable, list[dict[str, list[int]]]] = {}
    for root, slots in entries.items():
        shape = tuple((name, len(indices)) for name, indices in slots.items())
        key = (shape, tuple(sorted(map(repr, solved.tags.get(root, ())))), bool(solved.frozen[root]))
        groups.setdefault(key, []).append(slots)
    taken: dict[str, int] = {}
    result = []
    for key, members in groups.items():
        writers = tuple(name for name in members[0] if p.parameters[name].read is not None)
        first = writers[0] if writers else next(iter(members[0]))
        base = first.rpartition(".")[0] or first
        number = taken.get(base, 0)
        taken[base] = number + 1
        slots = {name: np.array([m[name] for m in members]) for name in members[0]}
        name = f"{base}#{number}" if number else base
        result.append(Population(name, key, key[2], slots, {n: owned[n] for n in slots}, writers))  # type: ignore[index]
    return result


def neuron_classes(population: Population, solved: Solved, p: Propagation) -> Ids:
    """Return the class of each neuron of a population, in order."""
    name, entries = next(iter(population.slots.items()))
    return solved.neuron[p.parameters[name].index[population.axes[name]]][entries[:, 0]]
