"""Reducing axes: averages, sums and extrema over positions, paths and pieces."""

import math
from typing import Any

from torch import Tensor, fx

from rainbownet.graph.broadcasting import broadcast
from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids


@register("mean", linear=True)
def average(p: Channels, node: fx.Node) -> Labels:
    """Reduce axes. An average over channels is an average over neurons: it has a limit and needs no alignment."""
    return _reduced(p, node)


@register("norm", "vector_norm", "linalg_vector_norm")
def length(p: Channels, node: fx.Node) -> Labels:
    """Reduce axes of positions; a length over channels that are drawn would grow with the width."""
    return _reduced(p, node, forbidden="it takes a length over channels, which grows with their number")


@register("std", "var")
def spread(p: Channels, node: fx.Node) -> Labels:
    """Reduce axes; over channels a variance that divides by one less than their number would depend on the width."""
    unbiased = p.argument(node, 2, "unbiased", True) and p.argument(node, 2, "correction", 1)
    return _reduced(p, node, forbidden="it divides by one less than the number of channels" if unbiased else None)


@register("sum", linear=True)
@register("amax", "amin")
def reduction(p: Channels, node: fx.Node) -> Labels:
    """Reduce axes of positions; a sum or maximum over channels that are drawn would depend on the width."""
    return _reduced(p, node, forbidden="it sums or maximises over channels, whose number changes with the width")


@register("max", "min")
def extremum(p: Channels, node: fx.Node) -> Any:
    """Reduce an axis and say where the largest is, or take the larger of two."""
    if isinstance(p.values[node], Tensor):
        tensors = [n for n in node.all_input_nodes if isinstance(p.values[n], Tensor)]
        return broadcast(p, node, tensors, p.values[node].shape) if len(tensors) > 1 else reduction(p, node)
    return [reduction(p, node), ()]


def _reduced(p: Channels, node: fx.Node, forbidden: str | None = None) -> Labels:
    source = node.all_input_nodes[0]
    value = p.values[node]
    old, new = tuple(p.values[source].shape), tuple((value if isinstance(value, Tensor) else value[0]).shape)
    dims = p.argument(node, 2, "dim") if str(getattr(node.target, "__name__", node.target)).endswith("norm") else None
    dims = p.argument(node, 1, "dim") if dims is None or isinstance(dims, bool) else dims
    dims = range(len(old)) if dims is None else dims if isinstance(dims, (tuple, list)) else [dims]
    axes = sorted(int(axis) % len(old) for axis in dims)
    labels = []
    for label in p.labels_of(source):
        label = _met(p, label, axes)
        if any(label.shape[axis] > 1 for axis in axes):
            if forbidden:
                p.mixes(node, label, forbidden)
            continue
        labels.append(label if len(new) == len(old) else label.squeeze(tuple(axes)))
    return tuple(labels)


def _met(p: Channels, label: Ids, axes: list[int]) -> Ids:
    """Tie the channels at different entries of axes that are reduced, as an addition does: paths, pieces of a maxout.

    Where channels lie along reduced axes and others, those along the longer are the neurons.
    """
    reduced, rest = (
        math.prod(label.shape[a] for a in range(label.ndim) if (a in axes) == own) for own in (True, False)
    )
    if not 1 < reduced < rest:
        return label
    for axis in axes:
        first = label.take([0], axis)
        p.ties.tie(first, label)
        label = first
    return label
