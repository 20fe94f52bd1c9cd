"""Aligned networks: the activations' moments and the rows of the weights of several networks, in one basis."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import nn

from rainbownet.aligned.basis import FLATTENS, Flatten, map_size
from rainbownet.aligned.pairs import ActivationPairs, Maps, key_of
from rainbownet.aligned.reference import align_to_reference
from rainbownet.analysis.layer import AlignedLayer, in_basis, weight_rows
from rainbownet.checks import modules, one_of, words_of
from rainbownet.errors import ArchitectureError, DataError, RainbowError
from rainbownet.graph import Network, Reader
from rainbownet.walk import HOLDOUT, AlignmentImages


@dataclass(frozen=True)
class Aligned:
    """Several networks in one basis, layer by layer in order of execution.

    Attributes:
        layers: The layers, by name.
        count: Number of networks.
        reference: Number of the network whose channels are the basis.
        images: Images that were read.
    """

    layers: Mapping[str, AlignedLayer]
    count: int
    reference: int
    images: int

    def __getitem__(self, name: str) -> AlignedLayer:
        if name not in self.layers:
            raise ArchitectureError(f"layer {name!r}: there is none of that name; there are {list(self.layers)}")
        return self.layers[name]

    def __iter__(self) -> Iterator[AlignedLayer]:
        return iter(self.layers.values())

    def __len__(self) -> int:
        return len(self.layers)

    def table(self) -> pd.DataFrame:
        """Return how well the networks match the reference.

        Returns:
            A row per layer and network: `layer`, `network`, `channels`, `rows`, `similarity`, `error` on the images
            fitted, `held_rows`, `held_similarity`, `held_error` on the others (NaN without any).
        """
        return pd.DataFrame(
            [
                {
                    "layer": layer.name,
                    "network": m,
                    "channels": fitted.own_channels,
                    "rows": fitted.rows,
                    "similarity": fitted.similarity,
                    "error": fitted.channel_error,
                    "held_rows": 0 if layer.held is None else layer.held[m].rows,
                    "held_similarity": math.nan if layer.held is None else layer.held[m].similarity,
                    "held_error": math.nan if layer.held is None else layer.held[m].channel_error,
                }
                for layer in self
                for m, fitted in enumerate(layer.fitted)
            ]
        )


def align_networks(
    networks: nn.Module | Sequence[nn.Module],
    loader: Any,
    *,
    reference: int | str = 0,
    layers: Sequence[str] | None = None,
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    test: Any = None,
    flatten: Flatten = "channels",
    budget: int | str | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Aligned:
    r"""Bring the weight layers of several networks to the channels of a reference, in one pass over the images.

    At the input of every layer the rotation of a network's channels onto the reference's is the polar factor of their
    cross moment (R6); at layers that read the images it is the identity. With the reference `"mean"` the networks are
    aligned to the first, then twice again to the mean of their aligned activations, in three passes.

    Args:
        networks: A network, or several of the same operations; their widths may differ unless the reference is the
            mean.
        loader: Yields inputs or (inputs, targets); see `AlignmentImages`.
        reference: Number of the network whose channels are the basis, or `"mean"`.
        layers: Names of the layers wanted; all by default.
        max_images: Images to read; by default 4096, more where the width asks for it, fewer where the loader ends.
        holdout: Share of the images that is kept to measure the alignment, at most one half.
        test: Images to measure the alignment on instead of a share of the others.
        flatten: At a flatten, whether rotations act on channels or on all features.
        budget: Bytes of activations held in memory.
        device: Where to compute; that of the loader's images by default.
        progress: Called with the images read and those there may be, in each pass.

    Returns:
        The layers in order of execution. Moments, rotations and rows are in double precision on the CPU: a layer of
        `d` channels, `n` rows and `D` columns takes some `8 (2 d² + n D)` bytes for each network.

    Raises:
        ArchitectureError: If a network cannot be traced, has other operations, or a layer is not there.
        AlignmentError: If activations are dead or not finite, naming the layer.
        DataError: If the loader is empty, ends before `max_images`, or does not fit the networks.
        RainbowError: If an option has no meaning.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> aligned = align_networks([net, net], [torch.randn(64, 4, generator=generator)])
        >>> aligned.table()[["layer", "network", "channels", "held_similarity", "held_error"]].round(4)
          layer  network  channels  held_similarity  held_error
        0     0        0         4              1.0         0.0
        1     0        1         4              1.0         0.0
        2     2        0         8              1.0         0.0
        3     2        1         8              1.0         0.0
        >>> [tuple(layer.stacked().shape) for layer in aligned]
        [(16, 4), (6, 8)]
    """
    given = modules("networks", networks)
    one_of("flatten", flatten, FLATTENS)
    if not (reference == "mean" or (isinstance(reference, int) and 0 <= reference < len(given))):
        raise RainbowError(f"reference: expected 'mean' or a number below {len(given)}, got {reference!r}")
    basis = reference if isinstance(reference, int) else 0
    images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
    held = None if test is None else _test_images(test, images)
    traced = [Network(module, images.example) for module in given]
    for k, network in enumerate(traced):
        if reference == "mean":
            traced[0].check_same(network, f"network {k}")
        traced[basis].check_same_structure(network, f"network {k}")
    named = _chosen(traced[0], layers)

    pairs, maps = align_to_reference(
        traced,
        images,
        list(named.values()),
        flatten,
        mean=reference == "mean",
        reference=basis,
        self_moments=True,
        test=held,
        seen=progress,
    )
    found = [layer for name, reader in named.items() for layer in _layers(name, reader, traced, pairs, maps)]
    number = images.images + (0 if held is None else held.images)
    return Aligned({layer.name: layer for layer in found}, len(traced), basis, number)


def _test_images(test: Any, images: AlignmentImages) -> AlignmentImages:
    try:
        return AlignmentImages.of(test, device=images.example.device)
    except DataError as error:
        raise DataError(f"test: {str(error).removeprefix('loader: ')}") from error


def _chosen(network: Network, layers: Sequence[str] | None) -> dict[str, Reader]:
    """Return the readers wanted, by the name of their layer, or of their parameter where a layer has several."""
    names = [reader.layer for reader in network.readers]
    named = {r.layer if names.count(r.layer) == 1 else r.parameter: r for r in network.readers}
    if layers is None:
        return named
    words_of("layers", layers, error=ArchitectureError)
    if unknown := [name for name in layers if name not in named]:
        raise ArchitectureError(f"layers: {unknown} read no activation; the layers are {list(named)}")
    return {name: reader for name, reader in named.items() if name in layers}


def _layers(
    name: str, reader: Reader, networks: Sequence[Network], pairs: ActivationPairs, maps: Sequence[Maps]
) -> Iterator[AlignedLayer]:
    key = key_of(reader)
    found = [pairs.pairs[key, m] for m in range(len(networks))]
    qualities = [pair.quality(own[key]) for pair, own in zip(found, maps, strict=True)]
    peers = [own[reader.parameter] for own in pairs.named]
    for group in range(reader.groups):
        own = [map[key][group] for map in maps]
        moments = [pair.fitted[group] for pair in found]
        held = [None if qualities_ is None else qualities_[group] for _, qualities_ in qualities]
        shapes, rows = [], []
        for network, peer in zip(networks, peers, strict=True):
            rows.append(weight_rows(network.parameters[reader.parameter], peer, group))
            outer = peer.outer if pairs.flatten == "channels" else 1
            size = map_size(peer, pairs.flatten)
            shapes.append((outer, size, rows[-1].shape[1] // (outer * size)))
        basis = moments[pairs.reference]
        yield AlignedLayer(
            name=name if reader.groups == 1 else f"{name}[{group}]",
            reader=peers[pairs.reference],
            group=group,
            shape=shapes[pairs.reference],
            moment=(basis.cross if pairs.previous is None else basis.left).cpu(),
            moments=tuple((m.right if m.keeps_right else m.cross).cpu() for m in moments),
            maps=tuple(own),
            rows=tuple(in_basis(w, shape, a.mH) for w, shape, a in zip(rows, shapes, own, strict=True)),
            fitted=tuple(fitted[group] for fitted, _ in qualities),
            held=None if any(q is None for q in held) else tuple(q for q in held if q is not None),
        )
