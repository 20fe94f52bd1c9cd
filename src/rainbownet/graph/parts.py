"""Parts of an axis of channels: heads, paths, pieces that it was taken apart into, or a single channel."""

from collections.abc import Sequence

import numpy as np
from torch import fx

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.ties import Ids


def is_counted(p: Channels, label: Ids, axis: int) -> bool:
    """Whether the number of entries of a label along an axis is that of its channels, not that of its parts."""
    long = [i for i, size in enumerate(label.shape) if size > 1]
    if len(long) < 2 or axis % label.ndim not in long:
        return axis % label.ndim in long
    entries = np.moveaxis(label, axis, -1).reshape(-1, label.shape[axis])[0]
    known = [rows for _, rows in p.rows if np.isin(entries, rows).all()]
    if not known:
        return axis % label.ndim == long[-1]
    return any(np.isin(entries, row).sum() > 1 for rows in known for row in rows)


def tell_parts_apart(p: Channels, node: fx.Node, label: Ids, axes: Sequence[int]) -> None:
    """Declare that the neurons of different entries along some axes of a label differ in law."""
    axes = [axis for axis in axes if label.shape[axis] > 1]
    if axes:
        parts = np.moveaxis(label, axes, range(len(axes)))
        for i, part in enumerate(parts.reshape(-1, *parts.shape[len(axes) :])):
            p.ties.tag(part, (node.name, i))


def take_apart(p: Channels, node: fx.Node, source: fx.Node, axis: int, entry: int) -> None:
    """Declare that one entry along an axis is taken: of channels themselves it has no meaning at other widths."""
    if p.values[source].shape[axis] == 1:
        several(p, source)
    for label in p.labels_of(source):
        if label.shape[axis] > 1:
            if is_counted(p, label, axis):
                p.mixes(node, label, "it takes channels one by one, which have no places at other widths")
            else:
                p.ties.tag(label.take(entry, axis), (node.name, entry))


def several(p: Channels, node: fx.Node) -> Labels:
    """Return the labels of a node's value but for single channels, which are frozen: code may count on one."""
    for label in p.labels_of(node):
        if label.size == 1:
            p.ties.freeze(label)
    return tuple(label for label in p.labels_of(node) if label.size > 1)
