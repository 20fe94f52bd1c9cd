"""Rotating a network into another's channels where that leaves its function: streams of transformers, and heads."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.aligned.basis import read_through
from rainbownet.aligned.pairs import ActivationPairs
from rainbownet.aligned.permute import cross_moment, permuted, rows_of
from rainbownet.aligned.polar import completed, polar_factor
from rainbownet.graph import Network, Population
from rainbownet.walk import AlignmentImages


def rotated(first: Network, second: Network, images: AlignmentImages) -> Network:
    r"""Return a network of the same function in the channels of another, as far as rotations leave it.

    Neurons and heads are permuted first. Then neurons that are only summed over (queries with their keys, values) are
    rotated within their head, and those that layer norms without scale and offset see, a transformer's stream, by
    rotations that keep the sum over channels, with which these norms commute (Theus et al. 2025). Both are orthogonal
    Procrustes solutions: of all activations that are read, of queries and keys of the weights. Fold scales and offsets
    first, by `rainbownet.graph.folded_gains`.

    Args:
        first: The network to match.
        second: Another of the same shapes.
        images: The images; all of them unless they say how many.

    Returns:
        A copy of the second network.

    Raises:
        ArchitectureError: If a layer reads several channels of one neuron.
    """
    second = permuted(first, second, images)
    drawn = {p.name: p for p in first.populations if not p.frozen}
    stream = {
        name for name in first.normed if all(has_plain_norms(network, drawn[name]) for network in (first, second))
    }
    readers = [replace(reader, groups=1) for reader in first.readers if not reader.frozen]
    pairs = ActivationPairs([first, second], readers, "channels", right_self=False)
    images.walk([first, second], pairs, least=math.inf)
    maps = {}
    for name in (*stream, *first.summed):
        if (cross := cross_moment(first, pairs, drawn[name])) is not None:
            maps[name] = _rotation(cross, keep_sum=name in stream)
    result = _turned(second, maps)
    rows = {name: [rows_of(n, drawn[name]) for n in (first, result)] for name in first.summed - maps.keys()}
    return _turned(result, {name: _rotation(a @ b.T, keep_sum=False) for name, (a, b) in rows.items()})


def _rotation(cross: Float[Tensor, "n n"], *, keep_sum: bool) -> Float[Tensor, "n n"]:
    """Return the orthogonal map from the neurons of the second network onto those of the first."""
    if keep_sum:
        n = len(cross)
        cross = cross - cross.mean(0, keepdim=True)
        cross = cross - cross.mean(1, keepdim=True)
        cross = cross + torch.full_like(cross, torch.linalg.matrix_norm(cross, 2).item() / n)
    return completed(polar_factor(cross))


def _turned(network: Network, maps: Mapping[str, Float[Tensor, "n n"]]) -> Network:
    """Return a copy whose neurons are mixed by orthogonal maps, with what reads them mixed back."""
    result = network.like(network.example)
    values = result.parameters
    populations = {p.name: p for p in network.populations}
    with torch.no_grad():
        for name, rotation in maps.items():
            for parameter, slots in populations[name].slots.items():
                view = values[parameter].movedim(populations[name].axes[parameter], 0)
                at = torch.from_numpy(slots).to(view.device)
                view[at] = torch.tensordot(rotation.to(view), view[at], dims=1)
        for reader in network.readers:
            owners = network.neurons_read(reader)
            touched = {name for name, _ in owners} & maps.keys()
            if reader.frozen or not touched:
                continue
            whole = torch.eye(len(owners), dtype=torch.float64)
            for name in touched:
                at = torch.tensor([i for i, (own, _) in enumerate(owners) if own == name])
                number = torch.tensor([k for own, k in owners if own == name])
                whole[at[:, None], at[None]] = maps[name].T[number[:, None], number[None]]
            weight = values[reader.parameter]
            size = len(owners) // reader.groups
            groups = torch.stack([whole[g * size :][:size, g * size :][:, :size] for g in range(reader.groups)])
            weight.copy_(read_through(weight, reader, groups.to(weight), "channels"))
    return result


def has_plain_norms(network: Network, population: Population) -> bool:
    """Whether every layer norm of a population has scale 1 and offset 0.

    Args:
        network: The network.
        population: One of its populations.
    """
    for name, slots in population.slots.items():
        module, _, leaf = name.rpartition(".")
        if isinstance(network.modules.get(module), (nn.LayerNorm, nn.RMSNorm)):
            entries = network.parameters[name][torch.from_numpy(slots)]
            if not torch.allclose(entries, torch.full_like(entries, float(leaf == "weight")), rtol=0, atol=1e-6):
                return False
    return True
