"""Clipping: how many directions of what a layer reads it needs, in bases of weights, of activations and at random."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Inexact
from torch import Tensor, nn

from rainbownet.analysis.bases import BASES, channel_rows_of, explained_shares, layer_basis
from rainbownet.analysis.layer import AlignedLayer, in_basis, weight_rows
from rainbownet.analysis.one_basis import Aligned, align_networks
from rainbownet.checks import sequence_of, whole
from rainbownet.data import Images
from rainbownet.errors import ArchitectureError, RainbowError
from rainbownet.graph.private import private_copy
from rainbownet.training import evaluate

STEPS = 50
"""Into how many steps the ranks of a layer are divided by default, as published."""


def clip(
    network: nn.Module,
    layers: AlignedLayer | Sequence[AlignedLayer],
    rank: int | float,
    *,
    basis: str = "weights",
    axis: str = "channels",
    index: int = 0,
    seed: int = 0,
) -> nn.Module:
    r"""Return a copy of a network whose layers read a few directions only: :math:`W V_d V_d^H` (2.11).

    Args:
        network: The network; it is not changed.
        layers: One layer, or several that are clipped together.
        rank: How many directions are kept, or which share of them, a float in [0, 1].
        basis: `"weights"`, `"activations"` or `"random"`; see `layer_basis`.
        axis: Directions of `"channels"` or of whole `"rows"`.
        index: Number of the network among the aligned ones, whose channels the basis is carried to.
        seed: Seed of the random basis.

    Returns:
        The copy, in evaluation mode.

    Raises:
        RainbowError: If the rank or the basis has no meaning.
        ArchitectureError: If the network does not have the layer.

    Example:
        >>> from rainbownet.analysis import align_networks
        >>> net = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.ones_(net.weight)
        >>> aligned = align_networks(net, [torch.diag(torch.tensor([2.0, 1.0]))], holdout=0.0)
        >>> clip(net, aligned["weight"], 1, basis="activations").weight.data.round(decimals=6).abs()
        tensor([[1., 0.]])
    """
    wanted = [layers] if isinstance(layers, AlignedLayer) else sequence_of("layers", layers, "aligned layers")
    if not wanted:
        raise RainbowError("layers is empty; one aligned layer at least is needed")
    clipped = private_copy(network)
    for layer in wanted:
        vectors = layer_basis(layer, basis, axis=axis, network=index, seed=seed)
        weight = _weight(clipped, layer)
        _write(weight, layer, projected(weight_rows(weight, layer.reader, layer.group), layer, vectors, rank, axis))
    return clipped


def clipping_curve(
    network: nn.Module,
    loader: Any,
    test: Images | Iterable[Any],
    *,
    bases: Sequence[str] = BASES,
    ranks: Sequence[int] | int = STEPS,
    layers: Sequence[str] | None = None,
    together: bool = False,
    axis: str = "channels",
    aligned: Aligned | None = None,
    index: int = 0,
    seed: int = 0,
    max_images: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Classify with one layer clipped at a time, or with all of them, rank after rank.

    Args:
        network: The trained network.
        loader: Yields inputs or (inputs, targets), see `AlignmentImages`: the images whose activations give a basis.
        test: Yields (inputs, targets) to classify.
        bases: Which bases; see `layer_basis`.
        ranks: Ranks to try, or into how many steps from 0 to the dimension of each layer.
        layers: Names of the layers; all by default.
        together: Clip all these layers at once, at the same rank or at the same share of their dimensions.
        axis: Directions of `"channels"` or of whole `"rows"`.
        aligned: Several networks, this one among them, whose weights and reference give the bases instead of this
            network's own; `loader` is not read then.
        index: Number of the network among them.
        seed: Seed of the random basis.
        max_images: Images of `loader` to read.
        progress: Called with the clipped networks evaluated and their number.

    Returns:
        A row per layer (one called `all` for those together), basis and rank: `layer`, `basis`, `dimension`, `rank`,
        `accuracy`, `full` (of the network as it is), `explained` (share of the energy of the network's own weights that
        is left). For layers together, dimensions and ranks are sums.

    Raises:
        RainbowError: If an option has no meaning.
        DataError: If `test` has no targets.
    """
    found = align_networks(network, loader, layers=layers, max_images=max_images) if aligned is None else aligned
    chosen = [found[name] for name in (found.layers if layers is None else layers)]
    sets = [chosen] if together else [[layer] for layer in chosen]
    test = test if isinstance(test, Images) or hasattr(test, "__getitem__") else list(test)
    clipped = private_copy(network)
    full = evaluate(clipped, test).accuracy
    plans = [(part, kind, _grid(part, axis, ranks)) for part in sets for kind in bases]
    total = sum(len(grid) for _, _, grid in plans)
    rows = []
    for part, kind, grid in plans:
        vectors = {layer: layer_basis(layer, kind, axis=axis, network=index, seed=seed) for layer in part}
        weights = {layer: _weight(clipped, layer) for layer in part}
        before = {layer: weight_rows(weights[layer], layer.reader, layer.group) for layer in part}
        shares = {layer: _shares(before[layer], layer, vectors[layer], axis) for layer in part}
        energy = {layer: before[layer].abs().square().sum().item() for layer in part}
        for kept in grid:
            left = 0.0
            for layer, rank in zip(part, kept, strict=True):
                _write(weights[layer], layer, projected(before[layer], layer, vectors[layer], rank, axis))
                left += energy[layer] * shares[layer][min(rank, len(shares[layer]) - 1)].item()
            rows.append(
                {
                    "layer": "all" if together else part[0].name,
                    "basis": kind,
                    "dimension": sum(_dimension(layer, axis) for layer in part),
                    "rank": sum(kept),
                    "accuracy": evaluate(clipped, test).accuracy,
                    "full": full,
                    "explained": left / sum(energy.values()),
                }
            )
            if progress is not None:
                progress(len(rows), total)
        for layer in part:
            _write(weights[layer], layer, before[layer])
    return pd.DataFrame(rows)


def informative_rank(curve: pd.DataFrame, *, points: float = 1.0) -> pd.DataFrame:
    """Return the smallest rank tried that loses no more than some points of accuracy.

    Args:
        curve: What `clipping_curve` returned.
        points: Points of accuracy, in per cent, that may be lost.

    Returns:
        A row per layer and basis: `layer`, `basis`, `dimension`, `rank` (NaN if every rank tried loses more),
        `accuracy` there, `full`, `explained`.

    Example:
        >>> keys = {"layer": "0", "basis": "weights", "dimension": 9, "full": 0.9, "explained": 0.5}
        >>> table = pd.DataFrame({**keys, "rank": [1, 2, 3], "accuracy": [0.5, 0.895, 0.9]})
        >>> informative_rank(table)[["rank", "accuracy"]]
           rank  accuracy
        0     2     0.895
    """
    rows = []
    for _, part in curve.groupby(["layer", "basis"], sort=False):
        # Accuracies are ratios of counts: a loss of exactly so many points must not fail by rounding.
        enough = part.loc[part["accuracy"] >= part["full"] - points / 100 - 1e-9]
        first = part.loc[enough["rank"].idxmin()] if len(enough) else {}
        rows.append(
            {
                **{key: part[key].iloc[0] for key in ("layer", "basis", "dimension")},
                "rank": first.get("rank", math.nan),
                "accuracy": first.get("accuracy", math.nan),
                "full": part["full"].iloc[0],
                "explained": first.get("explained", math.nan),
            }
        )
    return pd.DataFrame(rows)


def projected(
    rows: Inexact[Tensor, "n D"], layer: AlignedLayer, vectors: Inexact[Tensor, "d k"], rank: int | float, axis: str
) -> Inexact[Tensor, "n D"]:
    """Return rows projected on the first vectors of a basis of their channels, or of whole rows.

    Raises:
        RainbowError: If the rank is negative, or a share above 1.
    """
    if isinstance(rank, bool) or not isinstance(rank, int | float):
        raise RainbowError(f"rank: expected a number of directions or a share between 0 and 1, got {rank!r:.80}")
    if not rank >= 0 or (isinstance(rank, float) and rank > 1):
        raise RainbowError(f"rank: expected a number of directions or a share between 0 and 1, got {rank}")
    count = rank if isinstance(rank, int) else round(rank * _dimension(layer, axis))
    kept = vectors[:, :count]
    shape = layer.shape if axis == "channels" else (1, rows.shape[1], 1)
    if kept.shape[0] != shape[1]:
        raise ArchitectureError(
            f"layer {layer.name!r}: a basis of {kept.shape[0]} directions, the layer reads {shape[1]}"
        )
    read = in_basis(rows, shape, kept)
    return in_basis(read, (shape[0], kept.shape[1], shape[2]), kept.mH)


def _grid(layers: Sequence[AlignedLayer], axis: str, ranks: Sequence[int] | int) -> list[list[int]]:
    """Return, for every point of a curve, the rank of each layer."""
    sizes = [_dimension(layer, axis) for layer in layers]
    if isinstance(ranks, int):
        if ranks < 1:
            raise RainbowError(f"ranks: expected one step at least, got {ranks}")
        points = [[step * size // ranks for size in sizes] for step in range(ranks + 1)]
    else:
        for rank in sequence_of("ranks", ranks, "whole numbers"):
            whole("ranks", rank)
        points = [[min(rank, size) for size in sizes] for rank in sorted(set(ranks))]
    return [point for k, point in enumerate(points) if k == 0 or point != points[k - 1]]


def _dimension(layer: AlignedLayer, axis: str) -> int:
    return layer.channels if axis == "channels" else math.prod(layer.shape)


def _shares(rows: Tensor, layer: AlignedLayer, vectors: Tensor, axis: str) -> Tensor:
    return explained_shares(rows if axis == "rows" else channel_rows_of(rows, layer.shape), vectors)


def _weight(network: nn.Module, layer: AlignedLayer) -> Tensor:
    try:
        return network.get_parameter(layer.reader.parameter)
    except AttributeError as error:
        raise ArchitectureError(
            f"layer {layer.name!r}: the network has no parameter {layer.reader.parameter!r}"
        ) from error


@torch.no_grad()
def _write(weight: Tensor, layer: AlignedLayer, rows: Tensor) -> None:
    """Write rows back into the part of a weight they came from."""
    part = weight.chunk(layer.reader.groups, dim=0)[layer.group].movedim(layer.reader.axis, 1)
    part.copy_(rows.reshape(part.shape).to(part))
