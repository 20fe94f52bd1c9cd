"""Concatenating and splitting tensors."""

from itertools import pairwise

import numpy as np
from torch import Tensor, fx

from rainbownet.graph.channels import Channels, Count, Labels
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids


@register("cat", "concat", "concatenate", linear=True)
def concatenate(p: Channels, node: fx.Node) -> Labels:
    """Concatenate the labels; along a plain axis, tie them."""
    parts = p.argument(node, 0, "tensors")
    ndim = p.values[node].ndim
    axis = p.argument(node, 1, "dim", 0) % ndim
    labels: list[Ids] = []
    along = [p.axis_label(part, axis) for part in parts]
    if any(ids is not None for ids in along):
        whole = []
        for part, ids in zip(parts, along, strict=True):
            if ids is None:
                ids = p.ties.fresh(p.values[part].shape[axis])
                p.ties.freeze(ids)
            whole.append(ids)
        shape = [1] * ndim
        shape[axis] = p.values[node].shape[axis]
        labels.append(np.concatenate(whole).reshape(shape))
    first: dict[tuple[int, ...], Ids] = {}
    for part in parts:
        for label in p.labels_of(part):
            if label.shape[axis] > 1 or label.size == 1:
                continue
            if label.shape in first:
                p.ties.tie(first[label.shape], label)
            else:
                first[label.shape] = label
    return (*labels, *first.values())


@register("chunk", "tensor_split", linear=True)
def chunk(p: Channels, node: fx.Node) -> list[Labels]:
    """Split into equal parts."""
    return _split(p, node, p.argument(node, 2, "dim", 0))


@register("split", linear=True)
def split(p: Channels, node: fx.Node) -> list[Labels]:
    """Split into parts of given sizes, which follow the number of channels."""
    source = node.all_input_nodes[0]
    dim = p.argument(node, 2, "dim", 0)
    ids = _along(p, source, dim)
    sizes = p.argument(node, 1, "split_size_or_sections", p.argument(node, 1, "split_size"))
    parts = _split(p, node, dim)
    if ids is not None and not isinstance(sizes, fx.Node):
        bounds = np.cumsum([0, *(value.shape[dim] for value in p.values[node])])
        pieces = [ids[a:b] for a, b in pairwise(bounds)]

        def resized(count: Count) -> tuple[tuple, dict]:
            counts = [count(piece) for piece in pieces]
            kwargs = {k: v for k, v in node.kwargs.items() if not k.startswith("split_size")}
            return (node.args[0], counts, *node.args[2:]), kwargs

        p.rewrite(node, resized)
    return parts


def _split(p: Channels, node: fx.Node, dim: int) -> list[Labels]:
    source = node.all_input_nodes[0]
    values: list[Tensor] = list(p.values[node])
    bounds = np.cumsum([0, *(value.shape[dim] for value in values)])
    parts: list[Labels] = []
    for i, (a, b) in enumerate(pairwise(bounds)):
        taken = []
        for label in p.labels_of(source):
            part = label if label.shape[dim] == 1 else np.take(label, np.arange(a, b), axis=dim)
            if label.shape[dim] > 1:
                p.ties.tag(part, (node.name, i))  # parts are used differently, so their neurons differ in law
            taken.append(part)
        parts.append(tuple(taken))
    return parts


def _along(p: Channels, source: fx.Node, dim: int) -> Ids | None:
    """Return the channels along an axis, those at the first entry of the others."""
    for label in p.labels_of(source):
        if label.shape[dim] > 1:
            return np.moveaxis(label, dim, -1).reshape(-1, label.shape[dim])[0]
    return None
