"""Heads of attention: the populations of queries and values that belong together, one set for each head."""

from collections.abc import Collection, Sequence

import numpy as np
from torch import Tensor, fx

from rainbownet.graph.nodes import fetch, operation_name
from rainbownet.graph.population import Owners, Population
from rainbownet.graph.ties import Solved

Heads = tuple[tuple[str, ...], ...]
"""The heads of one attention, each the names of its populations, in the same order in every head."""


_MAPS = {"linear", "addmm", "conv1d", "conv2d"}


def find_heads(
    module: fx.GraphModule, solved: Solved, populations: Sequence[Population], owners: Owners
) -> tuple[Heads, ...]:
    """Return the heads of every attention whose heads are populations of their own, of one size and kind.

    Heads that constants or parameters tell apart (tables of relative positions, a temperature or a slope for each,
    linear maps between heads) cannot take each other's place, and are left out.

    A sum over channels marks the neurons of each head (`contract.tag_heads`); a product that only passes channels on,
    scores times values, belongs to the sum whose result it reads.

    Args:
        module: The traced network.
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
    nodes = {node.name: node for node in module.graph.nodes}
    where: dict[str, set[str]] = {}
    for name, heads in marked.items():
        own = name if name in sums else _sum_before(nodes[name], sums)
        where.setdefault(own or name, {own or name}).add(name)
        for i, members in heads.items():
            families.setdefault(own or name, {}).setdefault(i, []).extend(members)
    found = (
        _alike([sorted(set(heads[i])) for i in sorted(heads)], populations)
        for own, heads in families.items()
        if not _told_apart(module, nodes[own], [nodes[name] for name in where[own]], len(heads))
    )
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


def _told_apart(module: fx.GraphModule, own: fx.Node, ends: Collection[fx.Node], count: int) -> bool:
    """Say whether something between the maps that make heads and what is done with them differs from head to head.

    That is a map of the scores `own`, or anything of this many entries along an axis that the input does not change.
    """
    seen, waiting = set(ends), list(ends)
    while waiting:
        for source in waiting.pop().all_input_nodes:
            if source in seen:
                continue
            seen.add(source)
            if _is_map(module, source):
                if _sum_before(source, {own.name}) is not None:
                    return True
                continue
            if source.op == "get_attr" or not _from_input(source):
                if any(count in value.shape for value in _constants(module, source)):
                    return True
                continue
            waiting.append(source)
    return False


def _is_map(module: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return _from_input(node) and any(True for _ in module.get_submodule(str(node.target)).parameters())
    return node.op == "call_function" and _from_input(node) and operation_name(node.target) in _MAPS


def _from_input(node: fx.Node) -> bool:
    return any(part.op == "placeholder" for part in _with_ancestors(node))


def _constants(module: fx.GraphModule, node: fx.Node) -> list[Tensor]:
    """Return the tensors that a value is computed from."""
    found: list[Tensor] = []
    for part in _with_ancestors(node):
        if part.op == "get_attr":
            found += [value] if isinstance(value := fetch(module, str(part.target)), Tensor) else []
        elif part.op == "call_module":
            found += module.get_submodule(str(part.target)).parameters()
    return found


def _with_ancestors(node: fx.Node) -> set[fx.Node]:
    seen, waiting = {node}, [node]
    while waiting:
        new = [source for source in waiting.pop().all_input_nodes if source not in seen]
        seen.update(new)
        waiting += new
    return seen


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
