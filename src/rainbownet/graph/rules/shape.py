"""Reshaping, permuting, slicing and padding: labels follow the values."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.declared import Count
from rainbownet.graph.nodes import called
from rainbownet.graph.parts import several, take_apart, tell_parts_apart
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids


@register("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", nn.Flatten, nn.Unflatten, linear=True)
@register("reshape_as", "view_as", linear=True)
def reshape(p: Channels, node: fx.Node) -> Labels:
    """Reshape the labels; constant sizes in the code follow the number of channels."""
    source = node.all_input_nodes[0]
    old, new = tuple(p.values[source].shape), tuple(p.values[node].shape)
    given = p.labels_of(source) if called(node, p.modules) == "unsqueeze" else several(p, source)
    labels = tuple(without_repeats(_reshaped(label, old, new)) for label in given)
    if node.op != "call_module" and str(getattr(node.target, "__name__", node.target)) in {"view", "reshape"}:
        follow_sizes(p, node, labels, new)
    if "unflatten" in called(node, p.modules).lower():
        _follow_unflattened(p, node, labels, len(new) - len(old) + 1)
    for label in labels:
        _tell_parts_apart(p, node, label)
    return labels


def _tell_parts_apart(p: Channels, node: fx.Node, label: Ids) -> None:
    """Declare that neurons differ in law by the part that they fall in when an axis of channels is taken apart."""
    *parts, _ = [axis for axis, size in enumerate(label.shape) if size > 1] or [0]
    if len(np.unique(label)) == label.size:  # else it has positions besides
        tell_parts_apart(p, node, label, parts)


def _follow_unflattened(p: Channels, node: fx.Node, labels: Labels, parts: int) -> None:
    """Let the sizes that an axis is taken apart into follow the number of channels."""
    module: Any = p.target(node) if node.op == "call_module" else None
    dim = module.dim if module else p.value(p.argument(node, 1, "dim"))
    dim = int(dim) % p.values[node.all_input_nodes[0]].ndim
    shape = p.values[node].shape
    rows: dict[int, Ids] = {}
    for label in labels:
        if axes := [i for i in range(dim, dim + parts) if label.shape[i] > 1]:
            rows[axes[-1]] = np.moveaxis(label, axes[-1], -1).reshape(-1, shape[axes[-1]])[0]
    if not rows:
        return

    def sizes(count: Count) -> tuple[int, ...]:
        return tuple(count(rows[i]) if i in rows else shape[i] for i in range(dim, dim + parts))

    if module:
        p.attribute(str(node.target), "unflattened_size", sizes)
    else:
        p.rewrite(node, lambda count: ((node.all_input_nodes[0], dim, sizes(count)), {}))


def without_repeats(label: Ids) -> Ids:
    """Return a label without the axes along which its entries are alike: images, tokens, windows."""
    for axis, size in enumerate(label.shape):
        if size > 1 and (label == (first := label.take([0], axis))).all():
            label = first
    return label


def follow_sizes(p: Channels, node: fx.Node, labels: Labels, new: tuple[int, ...]) -> None:
    """Let the sizes that code asks for follow the number of channels, those computed from other sizes included."""
    packed = len(node.args) > 1 and isinstance(node.args[1], (tuple, list))
    sizes: list[Any] = list(node.args[1]) if packed else list(node.args[1:])  # type: ignore[arg-type]
    changes: dict[int, Ids] = {}
    for label in labels:
        axes = [i for i, size in enumerate(label.shape) if size > 1]
        if axes:
            rows = label.reshape(-1, new[axes[-1]])
            row = rows[0]
            p.same_width(node, rows)
            changes[axes[-1]] = row
    computed = [
        (size, changes.get(i, new[i])) for i, size in enumerate(sizes) if isinstance(size, fx.Node) and i < len(new)
    ]
    if computed:
        p.computed_sizes(node, computed)
    changes = {i: row for i, row in changes.items() if i < len(sizes)}
    changes = {i: row for i, row in changes.items() if isinstance(sizes[i], int) and sizes[i] > 0}
    if not changes:
        return

    def resized(count: Count) -> tuple[tuple, dict]:
        counts = [count(changes[i]) if i in changes else size for i, size in enumerate(sizes)]
        return ((node.args[0], tuple(counts)) if packed else (node.args[0], *counts)), dict(node.kwargs)

    p.rewrite(node, resized)


def _reshaped(label: Ids, old: tuple[int, ...], new: tuple[int, ...]) -> Ids:
    """Reshape a label that broadcasts to `old` into one that broadcasts to `new`, position axes kept at one."""
    expanded, shape = list(label.shape), list(new)
    for (a, b), (c, d) in _matching_axes(old, new):
        if any(size > 1 for size in label.shape[a:b]):
            expanded[a:b] = old[a:b]
        else:
            shape[c:d] = [1] * (d - c)
    return np.broadcast_to(label, expanded).reshape(shape)


def _matching_axes(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pair the finest ranges of axes of two shapes that hold the same entries.

    Example:
        >>> _matching_axes((2, 3, 4, 4), (2, 48))
        [((0, 1), (0, 1)), ((1, 4), (1, 2))]
    """
    bounds_old = {int(size): i for i, size in reversed(list(enumerate(np.cumprod([1, *old]))))}
    bounds_new = {int(size): i for i, size in reversed(list(enumerate(np.cumprod([1, *new]))))}
    common = sorted(set(bounds_old) & set(bounds_new))
    starts = [(bounds_old[size], bounds_new[size]) for size in common]
    starts[-1] = (len(old), len(new))
    return [((a, b), (c, d)) for (a, c), (b, d) in pairwise(starts)]


@register("permute", "transpose", "swapaxes", "movedim", linear=True)
def permute(p: Channels, node: fx.Node) -> Labels:
    """Permute the axes of the labels as those of the value."""
    source = node.all_input_nodes[0]
    ndim = p.values[source].ndim
    order = _axes_order(node, ndim)
    return tuple(label.transpose(order) for label in p.labels_of(source))


def _axes_order(node: fx.Node, ndim: int) -> list[int]:
    name = str(getattr(node.target, "__name__", node.target))
    args: list[Any] = [*node.args[1:], *node.kwargs.values()]
    if name == "permute":
        flat = args[0] if isinstance(args[0], (tuple, list)) else args
        return [int(axis) % ndim for axis in flat]
    order = list(range(ndim))
    a, b = int(args[0]) % ndim, int(args[1]) % ndim
    if name == "movedim":
        order.insert(b, order.pop(a))
    else:
        order[a], order[b] = order[b], order[a]
    return order


@register("getitem", linear=True)
def getitem(p: Channels, node: fx.Node) -> Any:
    """Take a part of a tuple, or slice a tensor; slices of channels follow their number."""
    source, index = node.args
    assert isinstance(source, fx.Node)
    value = p.values[source]
    if not isinstance(value, Tensor):
        return p.labels[source][index]
    parts: list[Any] = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(part, list) or isinstance(p.value(part), Tensor) for part in parts):
        return _taken_by_tensors(p, node, source, [p.value(part) for part in parts])
    computed = any(_has_node(part) for part in parts)
    parts = [p.value(part) for part in parts]
    if Ellipsis in parts:
        at = parts.index(Ellipsis)
        given = sum(part is not None for part in parts) - 1
        parts[at : at + 1] = [slice(None)] * (value.ndim - given)
    labels = tuple(label[_index_of_label(label, value, parts)] for label in p.labels_of(source))
    for axis, part in _taken(parts):
        if isinstance(part, int):
            take_apart(p, node, source, axis, part)
    if computed:  # by sizes that the code computes, which need not follow the number of channels
        axes = [axis for axis, part in _taken(parts) if isinstance(part, int) or part != slice(None)]
        for label in p.labels_of(source):
            if any(label.shape[axis] > 1 for axis in axes):
                p.ties.freeze(label)
    else:
        _follow_slices(p, node, source, parts)
    return labels


def _taken_by_tensors(p: Channels, node: fx.Node, source: fx.Node, parts: list[Any]) -> Labels:
    """Take entries of positions (a token of each image) or of a table by tensors of indices."""
    value, found = p.values[source], [i for i, part in enumerate(parts) if isinstance(part, Tensor)]
    simple = all(isinstance(part, Tensor) or part == slice(None) for part in parts)
    masks = any(isinstance(part, Tensor) and part.dtype == torch.bool for part in parts)
    if not simple or masks or found != list(range(found[0], found[-1] + 1)):
        return _picked(p, node, source, tuple(parts))
    first, last = found[0], found[-1] + 1
    width = p.values[node].ndim - (value.ndim - (last - first))
    labels = []
    for label in p.labels_of(source):
        if any(size > 1 for size in label.shape[first:last]):
            if not p.parameter_name(source):
                raise p.unsupported(node, "it takes channels by tensors of indices")
            p.ties.freeze(label)  # entries of a table
        else:
            labels.append(label.reshape(*label.shape[:first], *(1,) * width, *label.shape[last:]))
    return tuple(labels)


def _picked(p: Channels, node: fx.Node, source: fx.Node, index: tuple) -> Labels:
    """Return the labels of entries picked by tensors (a table of relative positions): channels picked are kept."""
    shape = p.values[source].shape
    labels = []
    for label in p.labels_of(source):
        chosen = torch.from_numpy(np.broadcast_to(label, shape).copy())[index].numpy()
        own, untouched = without_repeats(chosen), without_repeats(label)
        if own.size == untouched.size and len(np.unique(own)) == own.size:
            labels.append(own)
        else:  # not all of them, or some repeatedly: another number of them would need another index
            p.mixes(node, label, "it takes channels by tensors of indices")
    return tuple(labels)


def _taken(parts: list[Any]) -> list[tuple[int, Any]]:
    """Return the axis that each part of an index takes from."""
    return list(enumerate(part for part in parts if part is not None))


def _has_node(part: Any) -> bool:
    ends = (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)
    return any(isinstance(end, fx.Node) for end in ends)


def _index_of_label(label: Ids, value: Tensor, parts: list[Any]) -> tuple:
    result, axis = [], 0
    for part in parts:
        if part is None:
            result.append(None)
            continue
        if label.shape[axis] == value.shape[axis]:
            result.append(part)
        else:
            result.append(0 if isinstance(part, int) else slice(None))
        axis += 1
    return tuple(result)


def _follow_slices(p: Channels, node: fx.Node, source: fx.Node, parts: list[Any]) -> None:
    changes: dict[int, Ids] = {}
    axis = 0
    for position, part in enumerate(parts):
        if part is None:
            continue
        if isinstance(part, slice) and (part.start or part.stop is not None or part.step not in (None, 1)):
            ids = p.axis_label(source, axis)
            if ids is not None:
                if part.step not in (None, 1):
                    raise p.unsupported(
                        node, f"it takes every {part.step}th channel, which has no meaning at other widths"
                    )
                changes[position] = ids
                p.ties.tag(ids[part], (node.name, axis))
        axis += 1
    if not changes:
        return

    def resized(count: Count) -> tuple[tuple, dict]:
        moved = list(parts)
        for position, ids in changes.items():
            start, stop, _ = moved[position].indices(len(ids))
            moved[position] = slice(count(ids[:start]), count(ids[:stop]))
        return (source, tuple(moved)), {}

    p.rewrite(node, resized)


@register("pad", linear=True)
def pad(p: Channels, node: fx.Node) -> Labels:
    """Pad the labels: padded channels are tied to whatever they are added to (ResNet's option A)."""
    source = node.all_input_nodes[0]
    sizes = list(p.value(p.argument(node, 1, "pad")))
    labels, changes = [], {}
    ndim = p.values[source].ndim
    for label in p.labels_of(source):
        for i in range(len(sizes) // 2):
            axis, before, after = ndim - 1 - i, sizes[2 * i], sizes[2 * i + 1]
            if label.shape[axis] == 1 or not (before or after):
                continue
            if label.size != label.shape[axis] or before < 0 or after < 0:
                raise p.unsupported(node, "it pads or crops channels that are spread over several axes")
            first, last = p.ties.fresh(before), p.ties.fresh(after)
            label = np.concatenate([first, label.ravel(), last]).reshape(*(1,) * axis, -1, *(1,) * (ndim - 1 - axis))
            changes[2 * i], changes[2 * i + 1] = first, last
        labels.append(label)
    if changes:

        def resized(count: Count) -> tuple[tuple, dict]:
            counts = tuple(count(changes[i]) if i in changes else size for i, size in enumerate(sizes))
            if len(node.args) > 1:
                return (node.args[0], counts, *node.args[2:]), dict(node.kwargs)
            return node.args, {**node.kwargs, "pad": counts}

        p.rewrite(node, resized)
    return tuple(labels)
