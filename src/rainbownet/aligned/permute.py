"""Matching neurons by permutation: the same function, its neurons and heads in the order of another network's."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from rainbownet.aligned.assignment import assign
from rainbownet.aligned.pairs import ActivationPairs
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network, Population, Reader
from rainbownet.walk import AlignmentImages

Moves = Mapping[str, tuple[str, np.ndarray]]
"""For a population the one whose neurons take its place, and which of them each of its neurons becomes."""


def permuted(first: Network, second: Network, images: AlignmentImages) -> Network:
    """Return a network with the neurons of each population permuted to match those of another: the same function.

    Heads are matched first, see `matched_heads`. Neurons are then matched by linear assignment on the sum of the cross
    moments of all activations they appear in; queries with their keys, which no layer reads, on the products of their
    weights, once what these read is matched.

    Args:
        first: The network to match.
        second: The network to permute, of the same shapes.
        images: The images; all of them unless they say how many.

    Returns:
        A permuted copy of the second network.

    Raises:
        ArchitectureError: If a layer reads several channels of one neuron.
    """
    # Neurons are matched across groups of channels as well.
    readers = [replace(reader, groups=1) for reader in first.readers if not reader.frozen]
    pairs = _pairs(first, second, readers, images)
    sources = _matched(first, pairs)
    gains = {
        p.name: gain for p in _drawn(first) if (gain := cross_moment(first, pairs, p, sources.get(p.name))) is not None
    }
    result = moved(second, {name: (sources.get(name, name), assign(gain)) for name, gain in gains.items()}, sources)
    unread = [p for p in _drawn(first) if p.name in first.summed and p.name not in gains]
    products = {p.name: rows_of(first, p) @ rows_of(result, p).T for p in unread}
    return moved(result, {name: (name, assign(gain)) for name, gain in products.items()})


def matched_heads(first: Network, second: Network, images: AlignmentImages) -> Network:
    """Return a network with the heads of each attention in the order of another's that they match: the same function.

    Two heads match as well as a rotation maps what the one passes on onto what the other does: the assignment has the
    largest sum of nuclear norms of the cross moments. Neurons within a head stay in their order.

    Args:
        first: The network to match.
        second: Another of the same shapes.
        images: The images; not read without heads.

    Returns:
        A copy of the second network, or that itself where there is nothing to match.
    """
    members = {name for heads in first.heads for head in heads for name in head}
    readers = [r for r in first.readers if not r.frozen and members & {name for name, _ in first.neurons_read(r)}]
    if not readers:
        return second
    pairs = _pairs(first, second, [replace(reader, groups=1) for reader in readers], images)
    return moved(second, {}, _matched(first, pairs))


def moved(network: Network, moves: Moves, sources: Mapping[str, str] | None = None) -> Network:
    """Return a network of the same function with its neurons in other places.

    Args:
        network: The network; it is copied.
        moves: Where neurons come from; a population that is not named stays.
        sources: Populations that take the place of others, neuron by neuron, where `moves` does not name them.
    """
    result = network.like(network.example)
    values, targets = network.parameters, result.parameters
    named = {p.name: p for p in network.populations}
    moves = {
        **{name: (source, np.arange(len(named[name]))) for name, source in (sources or {}).items()},
        **moves,
    }
    with torch.no_grad():
        for name, (source, order) in moves.items():
            for parameter, slots in named[name].slots.items():
                axis = named[name].axes[parameter]
                device = values[parameter].device
                taken = torch.from_numpy(named[source].slots[parameter][order]).flatten().to(device)
                goal = torch.from_numpy(slots).flatten().to(device)
                targets[parameter].movedim(axis, 0)[goal] = values[parameter].movedim(axis, 0)[taken]
        for reader in network.readers:
            if not reader.frozen:
                _permute_reading(result, reader, moves)
    return result


def cross_moment(
    first: Network, pairs: ActivationPairs, population: Population, source: str | None = None
) -> Tensor | None:
    """Return the cross moment of the neurons of a population in two networks, summed over all that read them.

    Args:
        first: The first network.
        pairs: The moments of activations of both.
        population: A population of the first.
        source: The population of the second; that of the same name by default.

    Returns:
        Neurons × neurons, None where nothing reads them.
    """
    total = None
    for key, reader in pairs.readers.items():
        owners = first.neurons_read(reader)
        left, right = (
            [(i, k) for i, (owner, k) in enumerate(owners) if owner == name]
            for name in (population.name, source or population.name)
        )
        if not left:
            continue
        cross = pairs.pairs[key, 1].fitted[0].cross.real.cpu()
        (at, number), (other, place) = (torch.tensor(list(zip(*part, strict=True))) for part in (left, right))
        block = torch.zeros(len(population), len(population), dtype=torch.float64)
        block[number[:, None], place[None]] = cross[at[:, None], other[None]]
        total = block if total is None else total + block
    return total


def _pairs(first: Network, second: Network, readers: list[Reader], images: AlignmentImages) -> ActivationPairs:
    pairs = ActivationPairs([first, second], readers, "channels", right_self=False)
    images.walk([first, second], pairs, least=math.inf)
    return pairs


def _matched(first: Network, pairs: ActivationPairs) -> dict[str, str]:
    """Return, for populations of heads, the population of the second network that takes their place."""
    named = {p.name: p for p in first.populations}
    sources: dict[str, str] = {}
    for heads in first.heads:
        gain = torch.zeros(len(heads), len(heads), dtype=torch.float64)
        for i, head in enumerate(heads):
            for j, other in enumerate(heads):
                crosses = [cross_moment(first, pairs, named[a], b) for a, b in zip(head, other, strict=True)]
                gain[i, j] = sum(torch.linalg.matrix_norm(c, "nuc").item() for c in crosses if c is not None)
        order = assign(gain)
        sources |= {a: b for head, j in zip(heads, order, strict=True) for a, b in zip(head, heads[j], strict=True)}
    return sources


def _drawn(network: Network) -> list[Population]:
    return [population for population in network.populations if not population.frozen]


def rows_of(network: Network, population: Population) -> Tensor:
    """Return all numbers of each neuron of a population."""
    parts = []
    for name, slots in population.slots.items():
        value = network.parameters[name].detach().movedim(population.axes[name], 0)
        value = torch.view_as_real(value) if value.is_complex() else value
        parts.append(value[torch.from_numpy(slots).to(value.device)].reshape(len(population), -1).double().cpu())
    return torch.cat(parts, dim=1)


def _permute_reading(network: Network, reader: Reader, moves: Moves) -> None:
    owners = network.neurons_read(reader)
    place = {owner: i for i, owner in enumerate(owners)}
    if len(place) < len(owners):
        raise ArchitectureError(f"layer {reader.layer!r} reads several channels of a neuron; matching knows one")
    taken = [place[moves[name][0], int(moves[name][1][k])] if name in moves else place[name, k] for name, k in owners]
    weight = network.parameters[reader.parameter]
    index = torch.tensor(taken, device=weight.device)
    axis = reader.axis
    if reader.groups > 1:
        size = reader.channels // reader.groups
        rows = weight.chunk(reader.groups, dim=0)
        parts = [row.index_select(axis, index[g * size : (g + 1) * size] - g * size) for g, row in enumerate(rows)]
        weight.copy_(torch.cat(parts))
        return
    split = weight.movedim(axis, -1)
    shape = split.shape
    split = split.reshape(*shape[:-1], reader.outer, reader.channels, reader.inner).index_select(-2, index)
    weight.copy_(split.reshape(shape).movedim(-1, axis))
