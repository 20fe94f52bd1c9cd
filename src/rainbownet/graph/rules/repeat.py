"""Repeating, stacking and unbinding tensors: labels do the same."""

from typing import Any

import numpy as np
from torch import fx

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.parts import several, take_apart
from rainbownet.graph.rules.shape import follow_sizes
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids


@register("expand", "expand_as", "broadcast_to", linear=True)
def expand(p: Channels, node: fx.Node) -> Labels:
    """Repeat a tensor along axes of size one: the channels are the same ones at each entry."""
    source = node.all_input_nodes[0]
    old, new = p.values[source].shape, tuple(p.values[node].shape)
    labels = []
    if p.parameter_name(source):  # learned tokens, the same for every image: their channels are the last axis
        for label in p.labels_of(source):
            if label.shape[-1] == 1:
                p.ties.freeze(label)
    for label in p.labels_of(source):
        own = label.reshape((1,) * (len(new) - label.ndim) + label.shape)
        before = (1,) * (len(new) - len(old)) + tuple(old)
        if own.size == 1 and any(a == 1 < b for a, b in zip(before, new, strict=True)):
            p.ties.freeze(own)  # one channel spread over many: there can be no two of it
        else:
            labels.append(own)
    if str(getattr(node.target, "__name__", node.target)) == "expand":
        follow_sizes(p, node, tuple(labels), new)
    return tuple(labels)


@register("repeat", linear=True)
def repeat(p: Channels, node: fx.Node) -> Labels:
    """Repeat a tensor as a whole."""
    given = node.args[1] if len(node.args) == 2 and isinstance(node.args[1], (tuple, list)) else node.args[1:]
    times = p.value(list(given))  # type: ignore[arg-type]
    labels = []
    for label in several(p, node.all_input_nodes[0]):
        own = label.reshape((1,) * (len(times) - label.ndim) + label.shape)
        labels.append(np.tile(own, [n if size > 1 else 1 for n, size in zip(times, own.shape, strict=True)]))
    return tuple(labels)


@register("repeat_interleave", linear=True)
def repeat_interleave(p: Channels, node: fx.Node) -> Labels:
    """Repeat every entry along an axis."""
    source = node.all_input_nodes[0]
    times, dim = p.value(p.argument(node, 1, "repeats")), p.argument(node, 2, "dim")
    if not isinstance(times, int) or dim is None:
        raise p.unsupported(node, "it must repeat all entries alike, along one axis")
    return tuple(np.repeat(label, times, axis=dim) if label.shape[dim] > 1 else label for label in several(p, source))


@register("stack", linear=True)
def stack(p: Channels, node: fx.Node) -> Labels:
    """Stack the labels that all parts have."""
    parts: Any = p.argument(node, 0, "tensors")
    dim = p.argument(node, 1, "dim", 0) % p.values[node].ndim
    found: dict[tuple[int, ...], list[Ids]] = {}
    for part in parts:
        for label in several(p, part):
            found.setdefault(label.shape, []).append(label)
    for labels in found.values():
        if len(labels) < len(parts):
            raise p.unsupported(node, "it stacks tensors with channels along different axes")
    for labels in found.values():
        p.same_width(node, np.stack([label.ravel() for label in labels]))
    return tuple(np.stack(labels, axis=dim) for labels in found.values())


@register("unbind", linear=True)
def unbind(p: Channels, node: fx.Node) -> list[Labels]:
    """Take a tensor apart along an axis."""
    source = node.all_input_nodes[0]
    dim = p.argument(node, 1, "dim", 0) % p.values[source].ndim
    for i in range(p.values[source].shape[dim]):
        take_apart(p, node, source, dim, i)
    return [
        tuple(np.take(label, i if label.shape[dim] > 1 else 0, axis=dim) for label in several(p, source))
        for i in range(p.values[source].shape[dim])
    ]
