"""Concatenating and splitting tensors."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, fx

from rainbownet.graph.broadcasting import broadcast
from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.declared import Count, Kept
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.parts import is_counted, several
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
    for part, ids in zip(parts, along, strict=True):
        for label in p.labels_of(part) if ids is not None else several(p, part):
            if label.shape[axis] > 1 or label.size == 1:
                continue
            if label.shape in first:
                p.ties.tie(first[label.shape], label)
            else:
                first[label.shape] = label
    for shape, label in first.items():
        if not all(_has_alike(p, part, shape) for part in parts):
            why = "what it puts beside channels has none along their axis, so that they are kept as trained"
            p.freeze_late(Kept(node, str(p.unsupported(node, why)), np.ravel(label)))
    return (*labels, *first.values())


def _has_alike(p: Channels, part: fx.Node, shape: tuple[int, ...]) -> bool:
    """Whether a value has channels along some axes, or is made of one number in the shape of something."""
    name = operation_name(part.target)
    return name.endswith("s_like") or name.startswith("new_") or any(own.shape == shape for own in p.labels_of(part))


@register("chunk", "tensor_split", linear=True)
def chunk(p: Channels, node: fx.Node) -> list[Labels]:
    """Split into equal parts, which at other widths need not be equal."""
    source, dim = node.all_input_nodes[0], p.argument(node, 2, "dim", 0)
    ids = _along(p, source, dim)
    parts = _split(p, node, dim)
    if ids is not None and isinstance(p.value(p.argument(node, 1, "chunks", None)), int):
        pieces = _pieces(p, node, dim, ids)

        def resized(count: Count) -> tuple[tuple, dict]:
            counts = [count(piece) for piece in pieces]
            alike = len(set(counts)) == 1
            return (node.args, dict(node.kwargs)) if alike else ((source, counts, dim), {})

        p.rewrite(node, resized, target="split" if node.op == "call_method" else torch.split)
    return parts


def _pieces(p: Channels, node: fx.Node, dim: int, ids: Ids) -> list[Ids]:
    bounds = np.cumsum([0, *(value.shape[dim] for value in p.values[node])])
    return [ids[a:b] for a, b in pairwise(bounds)]


@register("split", linear=True)
def split(p: Channels, node: fx.Node) -> list[Labels]:
    """Split into parts of given sizes, which follow the number of channels."""
    source = node.all_input_nodes[0]
    dim = p.argument(node, 2, "dim", 0)
    ids = _along(p, source, dim)
    sizes = p.argument(node, 1, "split_size_or_sections", p.argument(node, 1, "split_size"))
    parts = _split(p, node, dim)
    if ids is not None and not isinstance(sizes, fx.Node):
        pieces = _pieces(p, node, dim, ids)

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
    """Return the channels along an axis whose number is theirs, those at the first entry of the others."""
    for label in p.labels_of(source):
        if label.shape[dim] > 1 and is_counted(p, label, dim):
            return np.moveaxis(label, dim, -1).reshape(-1, label.shape[dim])[0]
    return None


@register("slice_scatter", linear=True)
def scattered(p: Channels, node: fx.Node) -> Labels:
    """Tie the channels of a tensor to those of what takes the place of some of its positions."""
    source, entries = (p.argument(node, i, name) for i, name in enumerate(("input", "src")))
    dim = p.argument(node, 2, "dim", 0)
    labels = [label for tensor in (source, entries) for label in several(p, tensor)]
    replaced = [label for label in labels if label.shape[dim] > 1]
    for label in replaced:
        p.mixes(node, label, "it replaces channels, which have no places at other widths")
    if not replaced:
        return broadcast(p, node, [source, entries], p.values[node].shape)
    for label in labels:
        p.ties.freeze(label)
    return p.labels_of(source)


@register("index_select", linear=True)
def select(p: Channels, node: fx.Node) -> Labels:
    """Take entries of an axis in another order; an order of all channels follows their numbers."""
    source, dim = node.all_input_nodes[0], p.argument(node, 1, "dim")
    index = p.argument(node, 2, "index")
    order, name = p.value(index).numpy(), p.parameter_name(index)
    labels = []
    for label in p.labels_of(source):
        if label.shape[dim] == 1:
            labels.append(label)
        elif name is None or label.size > label.shape[dim] or sorted(order) != list(range(label.size)):
            p.mixes(node, label, "it selects channels, which is known only for all of them, in a fixed order")
        else:
            ids = label.ravel()
            p.renew(name, lambda count, ids=ids: torch.from_numpy(_expanded(order, count.each(ids))))
            labels.append(np.take(label, order, axis=dim))
    return tuple(labels)


def _expanded(order: Ids, sizes: Ids) -> Ids:
    """Return an order of blocks as one of entries.

    Example:
        >>> _expanded(np.array([1, 0]), np.array([2, 3]))
        array([2, 3, 4, 0, 1])
    """
    blocks = np.split(np.arange(sizes.sum()), np.cumsum(sizes)[:-1])
    return np.concatenate([blocks[i] for i in order.tolist()])
