r"""The law averaged over a group of actions, which commutes with it, and how invariant the kernels of a network are.

With the mixing :math:`ρ_g` of channels of every `g`, each neuron `w` gets the neurons :math:`ρ_g^⊤ w` beside it: the
moments of the law of all are :math:`\mathrm{mean}_g\, ρ_g C ρ_g^⊤`, which commute with the group where the
:math:`ρ_g` represent it (theory, 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.analysis.groups import Action
from rainbownet.analysis.symmetry import channel_pairs, mixings, moved_weight
from rainbownet.errors import RainbowError
from rainbownet.graph import Network
from rainbownet.rainbow.data import RainbowData, rows_of
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.similarities.sides import ModuleSide
from rainbownet.walk import AlignmentImages

T = TypeVar("T", bound=RainbowData)


def symmetrized(rainbow: T, group: Sequence[Action], loader: Any, *, max_images: int | None = None) -> T:
    """Return a rainbow whose laws are averaged over a group.

    Args:
        rainbow: The fitted rainbow; its reference stays.
        group: The elements of the group beside the identity, such as `FLIPS` or `TURNS`.
        loader: The images on which channels are mixed; see `AlignmentImages`. One that can be read once per element.
        max_images: Images to read.

    Returns:
        A rainbow with laws of the same kind, fitted to the neurons and their images under the group.

    Raises:
        RainbowError: If the group is empty.
        AlignmentError: If an action does not move the positions of a layer.
        DataError: If the loader does not fit the network.
    """
    if not group or not all(isinstance(action, Action) for action in group):
        raise RainbowError(f"group: expected actions such as FLIPS or TURNS, got {group!r:.60}")
    images = AlignmentImages.of(loader, max_images=max_images)
    images.check_passes(len(group), "symmetrized")
    network = rainbow.network.like(images.example)
    values = dict(parameters_of(network, fold=rainbow.preset.norms == "folded").values)
    orbits = [values, *(_moved(network, values, action, images) for action in group)]
    rows = [rows_of(network, own, rainbow.preset) for own in orbits]
    laws = {
        name: rainbow.preset.law.fit(
            torch.cat([own[name][0] for own in rows]), law.blocks, reference=len(law.neurons()), name=name
        )
        for name, law in rainbow.laws.items()
    }
    return replace(rainbow, laws=laws)


def invariance(net: nn.Module, action: Action, images: Tensor, *, layers: Sequence[str] | None = None) -> pd.DataFrame:
    r"""Measure how invariant the kernels of a network are: a trained one, a sample, or an infinite-width network.

    Args:
        net: Any module.
        action: What is done to images.
        images: Images, as the network reads them; each pair of them is one entry of a kernel.
        layers: Names or patterns of layers; the empty name is the output. By default all layers with weights.

    Returns:
        A row per layer: `layer` and `difference`,
        :math:`\|k(gx, gx') - k(x, x')\|_F / \|k(x, x')\|_F` over all pairs of images, with the kernel
        :math:`k(x, x') = ⟨φ(x), φ(x')⟩` over channels and positions.

    Raises:
        ArchitectureError: If a layer is not found or never called.
        DataError: If the network does not take the images.
    """
    side = ModuleSide(net, layers, None, "net")
    grams = [_grams(side, x) for x in (images, action.move(images))]
    rows = []
    for layer, kernel in grams[0].items():
        difference = torch.linalg.matrix_norm(grams[1][layer] - kernel) / torch.linalg.matrix_norm(kernel)
        rows.append({"layer": layer, "difference": difference.item()})
    return pd.DataFrame(rows)


def _grams(side: ModuleSide, images: Tensor) -> dict[str, Tensor]:
    found = side.activations(images, torch.arange(len(images)))
    flat = {layer: value.flatten(1) for layer, value in found.items()}
    return {layer: value @ value.mH for layer, value in flat.items()}


def _moved(network: Network, values: dict[str, Tensor], action: Action, images: AlignmentImages) -> dict[str, Tensor]:
    maps = mixings(network, channel_pairs(network, action, images))
    moved = dict(values)
    for reader in network.readers:
        moved[reader.parameter] = moved_weight(values[reader.parameter], reader, maps[reader.parameter], action)
    return moved
