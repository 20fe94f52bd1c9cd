"""Broadcasting: which channels are tied when tensors are combined entry by entry."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import fx

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.declared import Kept
from rainbownet.graph.parts import is_counted, tell_parts_apart
from rainbownet.graph.ties import Ids


def broadcast(p: Channels, node: fx.Node, tensors: Sequence[fx.Node], shape: torch.Size) -> Labels:
    """Tie the labels of tensors that are combined entry by entry, and return those of the result.

    Channels along the same axes are the same channels. Where they lie along some of the axes of others only, as one
    scale for all heads, each belongs to the neurons of all entries it meets. Channels that meet entries of a plain axis
    are frozen, or where these are heads told apart.
    """
    merged: dict[tuple[int, ...], Ids] = {}
    labels = {tensor: [_aligned(label, len(shape)) for label in p.labels_of(tensor)] for tensor in tensors}
    for tensor, found in labels.items():
        own = _sizes(p, tensor, len(shape))
        for label in found:
            axes = _long_axes(label)
            if not axes and any(mine == 1 < size for mine, size in zip(own, shape, strict=True)):
                p.ties.freeze(label)  # one channel spread over many: there can be no two of it
            elif axes in merged:
                p.ties.tie(merged[axes], label)
            else:
                merged[axes] = label
    linked = set()
    for axes, label in merged.items():
        for tensor, found in labels.items():
            if axes:
                linked |= {axes} & _meet(p, node, label, axes, tensor, found)
    return tuple(label for axes, label in merged.items() if axes not in linked)


def _meet(
    p: Channels, node: fx.Node, label: Ids, axes: tuple[int, ...], tensor: fx.Node, found: list[Ids]
) -> set[tuple[int, ...]]:
    """Tie channels along some axes to what a tensor that they are combined with has there.

    Returns:
        The axes of those that belong to neurons with channels along more axes.
    """
    own = _sizes(p, tensor, label.ndim)
    inside = [other for other in found if set(_long_axes(other)) & set(axes)]
    plain = [axis for axis in axes if own[axis] > 1 and not any(other.shape[axis] > 1 for other in inside)]
    within: set[tuple[int, ...]] = set()
    for other in inside:
        common = sorted(set(_long_axes(other)) & set(axes))
        if len(common) == max(len(axes), len(_long_axes(other))):
            continue
        counted = [any(is_counted(p, part, axis) for axis in common) for part in (label, other)]
        if all(counted) and _is_constant(p, tensor):
            why = "constants that are the same for all parts tell its channels apart, so that they are kept as trained"
            p.freeze_late(Kept(node, str(p.unsupported(node, why)), np.ravel(label)))
        elif all(counted):
            p.ties.link(label, other)
            within |= {tuple(common)}
        elif counted[0]:
            p.ties.freeze(label)
        else:
            tell_parts_apart(p, node, label, common)
    if any(is_counted(p, label, axis) for axis in plain):
        p.ties.freeze(label)
    else:
        tell_parts_apart(p, node, label, plain)
    return within


def _is_constant(p: Channels, tensor: fx.Node) -> bool:
    return tensor.op == "get_attr" and str(tensor.target) not in dict(p.module.named_parameters())


def _sizes(p: Channels, tensor: fx.Node, ndim: int) -> tuple[int, ...]:
    own = tuple(p.values[tensor].shape)
    return (1,) * (ndim - len(own)) + own


def _aligned(label: Ids, ndim: int) -> Ids:
    return label.reshape((1,) * (ndim - label.ndim) + label.shape)


def _long_axes(label: Ids) -> tuple[int, ...]:
    return tuple(np.flatnonzero(np.array(label.shape) > 1).tolist())
