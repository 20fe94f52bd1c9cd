"""Pooling, resampling and moving over positions: channels pass through one by one."""

import numpy as np
from torch import fx, nn

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.rules.table import register

_AVERAGES = tuple(getattr(nn, f"{kind}Pool{d}d") for kind in ("Avg", "AdaptiveAvg") for d in (1, 2, 3))
_POOLS = tuple(getattr(nn, f"{kind}Pool{d}d") for kind in ("Max", "LP", "AdaptiveMax") for d in (1, 2, 3))
_LINEAR_PADS = tuple(getattr(nn, f"{kind}Pad{d}d") for kind in ("Zero", "Reflection", "Replication") for d in (1, 2, 3))
_PADS = tuple(getattr(nn, f"ConstantPad{d}d") for d in (1, 2, 3))
_UPSAMPLES = (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
_AVERAGE_FUNCTIONS = tuple(f"{kind}_pool{d}d" for kind in ("avg", "adaptive_avg") for d in (1, 2, 3))
_FUNCTIONS = tuple(f"{kind}_pool{d}d" for kind in ("max", "lp", "adaptive_max") for d in (1, 2, 3))


@register(*_AVERAGES, *_LINEAR_PADS, *_UPSAMPLES, *_AVERAGE_FUNCTIONS, channelwise=True, linear=True)
@register("interpolate", "upsample", channelwise=True, linear=True)
@register(*_POOLS, *_PADS, *_FUNCTIONS, channelwise=True)
def pool(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels on but for those along positions, which are kept."""
    labels = []
    for label in p.labels_of(node.all_input_nodes[0]):
        if all(size == 1 for size in label.shape[2:]):
            labels.append(label)
        else:
            p.mixes(node, label, "it pools over an axis of channels; channels must be the second axis")
    return tuple(labels)


@register("roll", "flip", "fliplr", "flipud", linear=True)
def moved(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels on but for those along the axes whose entries change places."""
    source = node.all_input_nodes[0]
    position, name = (2, "dims") if operation_name(node.target) == "roll" else (1, "dims")
    dims = p.value(p.argument(node, position, name))
    dims = range(p.values[source].ndim) if dims is None else [dims] if isinstance(dims, int) else dims
    labels = []
    for label in p.labels_of(source):
        if any(label.shape[dim] > 1 for dim in dims):
            p.mixes(node, label, "it moves channels, whose places have no meaning at other widths")
        else:
            labels.append(label)
    return tuple(labels)


@register(nn.Unfold, "unfold", linear=True)
def unfolded(p: Channels, node: fx.Node) -> Labels:
    """Take patches: `F.unfold` repeats channels, once for each place in the patch; `Tensor.unfold` adds an axis."""
    source = node.all_input_nodes[0]
    value, size = p.values[source], p.values[node].shape
    labels = []
    for label in p.labels_of(source):
        if node.op == "call_method":
            if label.shape[int(p.value(p.argument(node, 1, "dimension")))] > 1:
                p.mixes(node, label, "it takes windows of channels")
            else:
                labels.append(label[..., None])
        elif label.size == label.shape[1] == value.shape[1]:
            labels.append(np.repeat(label.ravel(), size[1] // value.shape[1])[None, :, None])
        else:
            p.mixes(node, label, "it takes patches over an axis of channels; channels must be the second axis")
    return tuple(labels)
