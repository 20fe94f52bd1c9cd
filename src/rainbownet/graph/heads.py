"""Heads of attention: the populations of queries and values that belong together, one set for each head."""

from collections.abc import Sequence

import numpy as np
from torch import fx

from rainbownet.graph.population import Owners, Population
from rainbownet.graph.ties import Solved

Heads = tuple[tuple[str, ...], ...]
"""The heads of one attention, each the names of its populations, in the same order in every head."""


def find_heads(graph: fx.Graph, solved: Solved, populations: Sequence[Population], owners: Owners) -> tuple[Heads, ...]:
    """Return the heads of every attention whose heads are populations of their own, of one size and kind.

    A sum over channels marks the neurons of each head (`contract.tag_heads`); a product that only passes channels on,
    scores times values, belongs to the sum whose result it reads.

    Args:
        graph: The graph.
        solved: Classes of the channel indices, with their marks.
        populations: The populations.
        owners: Where each neuron is found.
    """
    marked: dict[str, dict[int, list[int]]] = {}
    sums: set[str] = set()
    for position, population in enumerate(populations):
        if population.frozen:
            continue
        root = int(np.flatnonzero(owners.population == position)[0])
        for mark in filter(None, map(_as_head, solved.marks[solved.group[root]])):
            marked.setdefault(mark[0], {}).setdefault(mark[2], []).append(position)
            sums |= {mark[0]} if mark[1] == "summed" else set()
    families: dict[str, dict[int, list[int]]] = {}
    nodes = {node.name: node for node in graph.nodes}
    for name, heads in marked.items():
        own = name if name in sums else _sum_before(nodes[name], sums)
        for i, members in heads.items():
            families.setdefault(own or name, {}).setdefault(i, []).extend(members)
    found = (_alike([sorted(set(heads[i])) for i in sorted(heads)], populations) for heads in families.values())
    return tuple(heads for heads in found if heads)


def _as_head(mark: object) -> tuple[str, str, int] | None:
    return mark if isinstance(mark, tuple) and len(mark) == 3 and mark[1] in ("summed", "passed") else None


def _sum_before(node: fx.Node, sums: set[str]) -> str | None:
    """Return the closest of some nodes that a node's value depends on."""
    seen, waiting = {node}, [node]
    while waiting:
        for source in waiting.pop(0).all_input_nodes:
            if source.name in sums:
                return source.name
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return None


def _alike(heads: list[list[int]], populations: Sequence[Population]) -> Heads:
    """Return the names of heads that no neuron shares and that could take each other's place, or nothing."""
    members = [k for head in heads for k in head]
    kinds = {
        tuple(
            tuple((name, slots.shape, populations[k].axes[name]) for name, slots in populations[k].slots.items())
            for k in head
        )
        for head in heads
    }
    if len(heads) < 2 or len(kinds) > 1 or len(set(members)) < len(members):
        return ()
    return tuple(tuple(populations[k].name for k in head) for head in heads)
