"""Matching neurons by permutation: the same function, its neurons in the order of another network's."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from rainbownet.aligned.assignment import assign
from rainbownet.aligned.pairs import ActivationPairs
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network, Reader
from rainbownet.walk import AlignmentImages


def permuted(first: Network, second: Network, images: AlignmentImages) -> Network:
    """Return a network with the neurons of each population permuted to match those of another: the same function.

    Neurons are matched by linear assignment on the sum of the cross moments of all activations they appear in.

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
    pairs = ActivationPairs([first, second], readers, "channels", right_self=False)
    images.walk([first, second], pairs, least=math.inf)
    orders = _orders(first, pairs)
    result = second.like(second.example)
    values, targets = second.parameters, result.parameters
    with torch.no_grad():
        for population in second.populations:
            if population.name in orders:
                order = orders[population.name]
                for name, slots in population.slots.items():
                    axis = population.axes[name]
                    source = torch.from_numpy(slots[order]).flatten().to(values[name].device)
                    goal = torch.from_numpy(slots).flatten().to(values[name].device)
                    picked = values[name].movedim(axis, 0)[source]
                    targets[name].movedim(axis, 0)[goal] = picked
        for reader in second.readers:
            if not reader.frozen:
                _permute_reading(result, reader, orders)
    return result


def _permute_reading(network: Network, reader: Reader, orders: dict[str, np.ndarray]) -> None:
    owners = network.neurons_read(reader)
    place = {owner: i for i, owner in enumerate(owners)}
    if len(place) < len(owners):
        raise ArchitectureError(f"layer {reader.layer!r} reads several channels of a neuron; matching knows one")
    moved = [place[name, int(orders[name][k])] if name in orders else place[name, k] for name, k in owners]
    weight = network.parameters[reader.parameter]
    index = torch.tensor(moved, device=weight.device)
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


def _orders(network: Network, pairs: ActivationPairs) -> dict[str, np.ndarray]:
    """Return, for each population, which neuron of the second network takes the place of each of the first."""
    gains: dict[str, Tensor] = {}
    sizes = {p.name: len(p) for p in network.populations if not p.frozen}
    for key, reader in pairs.readers.items():
        cross = pairs.pairs[key, 1].fitted[0].cross.real.cpu()
        owners = network.neurons_read(reader)
        for name, n in sizes.items():
            mine = [(i, k) for i, (owner, k) in enumerate(owners) if owner == name]
            if not mine:
                continue
            at, number = (torch.tensor(part) for part in zip(*mine, strict=True))
            block = torch.zeros(n, n, dtype=torch.float64)
            block[number[:, None], number[None]] = cross[at[:, None], at[None]]
            gains[name] = gains.get(name, torch.zeros(n, n, dtype=torch.float64)) + block
    return {name: assign(gain) for name, gain in gains.items()}
