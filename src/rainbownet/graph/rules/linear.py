"""Linear maps: each writes new channels and reads those of its input; a depthwise filter belongs to its channel."""

from typing import Any

import numpy as np
from torch import fx, nn

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.declared import Kept
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids


def on_axis(ids: Ids, axis: int, ndim: int) -> Ids:
    """Return channel indices as the label of one axis of a tensor."""
    shape = [1] * ndim
    shape[axis % ndim] = len(ids)
    return ids.reshape(shape)


def _others(labels: Labels, axis: int) -> Labels:
    return tuple(label for label in labels if label.shape[axis] == 1 and label.size > 1)


@register(nn.Linear, linear=True)
def linear_module(p: Channels, node: fx.Node) -> Labels:
    """Read the last axis with the columns of the weight, write new channels with its rows.

    A map over positions, the same for every channel, is a spatial operator: it stays as trained (theory, 2).
    """
    module, name = p.target(node), str(node.target)
    bias = f"{name}.bias" if getattr(module, "bias", None) is not None else None
    labels = _linear(p, node, node.all_input_nodes[0], f"{name}.weight", bias)
    size_attributes(p, name, f"{name}.weight", {"out_features": 0, "in_features": 1})
    return labels


@register("linear", linear=True)
def linear_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.linear` with a weight of the network; an offset may be computed, as one put together of parts."""
    offset = p.argument(node, 2, "bias")
    weight, bias = _weights(p, node, p.argument(node, 1, "weight"), offset if p.parameter_name(offset) else None)
    labels = _linear(p, node, p.argument(node, 0, "input"), weight, bias)
    if offset is not None and bias is None:
        parts = p.axis_label(offset, 0)
        if parts is None:
            p.ties.freeze(p.index(weight, 0, None))
        else:
            p.ties.tie(p.index(weight, 0, None), parts)
    return labels


def matmul(p: Channels, node: fx.Node) -> Labels:
    """Handle `x @ weight` with a matrix parameter of the network."""
    source, other = node.args[0], node.args[1]
    name = p.parameter_name(other)
    if name is None or p.values[other].ndim != 2 or p.parameter_name(source):  # type: ignore[index]
        raise p.unsupported(node, "only x @ weight with a two-dimensional parameter is known")
    assert isinstance(source, fx.Node)
    return _linear(p, node, source, name, None, out=1)


@register("addmm", linear=True)
def addmm(p: Channels, node: fx.Node) -> Labels:
    """Handle `addmm(bias, x, weight)` with parameters of the network (the linear maps of GPT-2)."""
    weight, bias = _weights(p, node, p.argument(node, 2, "mat2"), p.argument(node, 0, "input"))
    if any(p.argument(node, i, name, 1) != 1 for i, name in ((3, "beta"), (4, "alpha"))):
        raise p.unsupported(node, "factors beside its products are not known")
    return _linear(p, node, p.argument(node, 1, "mat1"), weight, bias, out=1)


def _linear(p: Channels, node: fx.Node, source: fx.Node, weight: str, bias: str | None, *, out: int = 0) -> Labels:
    ndim = p.values[node].ndim
    p.read(weight, 1 - out, node, source, p.values[source].ndim - 1)
    ids = p.index(weight, out, None)
    if bias is not None:
        p.index(bias, 0, ids)
    others = _others(p.labels_of(source), -1)
    reads = p.axis_label(source, -1)
    if others and reads is None:
        p.ties.freeze(ids)
    elif others and reads is not None:
        p.maps_positions(ids, reads, others)
    return (*others, on_axis(ids, -1, ndim))


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@register(*_CONVOLUTIONS, *_TRANSPOSED, linear=True)
def convolution_module(p: Channels, node: fx.Node) -> Labels:
    """Read axis 1 and write new channels; with one group per channel, give the filter to its neuron."""
    module: Any = p.target(node)
    name = str(node.target)
    bias = f"{name}.bias" if module.bias is not None else None
    transposed = isinstance(module, _TRANSPOSED)
    return _convolution(p, node, node.all_input_nodes[0], f"{name}.weight", bias, module.groups, transposed, name)


@register("conv1d", "conv2d", "conv3d", linear=True)
def convolution_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.conv2d` and its like with parameters of the network."""
    weight, bias = _weights(p, node, p.argument(node, 1, "weight"), p.argument(node, 2, "bias"))
    groups = p.argument(node, 6, "groups", 1)
    return _convolution(p, node, p.argument(node, 0, "input"), weight, bias, groups, False, None)


@register("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", linear=True)
def transposed_function(p: Channels, node: fx.Node) -> Labels:
    """Handle the functional transposed convolutions with parameters of the network."""
    weight, bias = _weights(p, node, p.argument(node, 1, "weight"), p.argument(node, 2, "bias"))
    groups = p.argument(node, 6, "groups", 1)
    return _convolution(p, node, p.argument(node, 0, "input"), weight, bias, groups, True, None)


def _weights(p: Channels, node: fx.Node, weight: Any, bias: Any) -> tuple[str, str | None]:
    names = p.parameter_name(weight), p.parameter_name(bias)
    if names[0] is None or (bias is not None and names[1] is None):
        raise p.unsupported(node, "its weight must be a parameter of the network, not a computed tensor")
    return names[0], names[1]


def _convolution(
    p: Channels,
    node: fx.Node,
    source: fx.Node,
    weight: str,
    bias: str | None,
    groups: int,
    transposed: bool,
    module: str | None,
) -> Labels:
    channels = p.values[source].shape[1]
    outputs = p.values[node].shape[1]
    ndim = p.values[node].ndim
    if p.values[source].ndim < 3 or any(label.shape[0] > 1 for label in p.labels_of(source)):
        raise p.unsupported(node, f"its input must be batched, channels second; got {tuple(p.values[source].shape)}")
    for label in p.labels_of(source):
        if any(size > 1 for size in label.shape[2:]):
            p.mixes(node, label, "it goes over an axis of channels, whose places have no meaning at other widths")
    # A network of other widths may have one channel a group where this one has several: it keeps its groups.
    if groups > 1 and groups == channels and not node.meta.get("grouped"):
        return _depthwise(p, node, source, weight, bias, outputs // channels, transposed, module)
    write, read = (1, 0) if transposed else (0, 1)
    if transposed and groups > 1:
        raise p.unsupported(node, "grouped transposed convolutions need a rule for weights that index half of an axis")
    p.read(weight, read, node, source, 1, groups=groups)
    ids = p.index(weight, write, None)
    if groups > 1:
        node.meta["grouped"] = True
        inputs = p.axis_label(source, 1)
        for part, side in ((ids, "out"), (inputs, "in")):
            if part is not None:
                p.tag_groups(part, groups, (weight, side))
                p.same_width(node, part.reshape(groups, -1))
    if bias is not None:
        p.index(bias, 0, ids)
    if module is not None:
        size_attributes(p, module, weight, {"out_channels": write, "in_channels": read}, groups=groups)
    return (on_axis(ids, 1, ndim),)


def _depthwise(
    p: Channels,
    node: fx.Node,
    source: fx.Node,
    weight: str,
    bias: str | None,
    multiplier: int,
    transposed: bool,
    module: str | None,
) -> Labels:
    if transposed and multiplier > 1:
        raise p.unsupported(node, "a depthwise transposed convolution must keep the number of channels")
    inputs = p.axis_label(source, 1)
    if multiplier == 1:
        ids = p.index(weight, 0, inputs)
    else:
        ids = p.index(weight, 0, None)
        if inputs is not None:
            p.ties.link(ids, np.repeat(inputs, multiplier))
    if inputs is None:
        p.ties.freeze(ids)
    if bias is not None:
        p.index(bias, 0, ids)
    if module is not None:
        p.attribute(module, "out_channels", lambda count: count(ids))
        p.attribute(module, "in_channels", lambda count: count(ids) // multiplier)
        p.attribute(module, "groups", lambda count: count(ids) // multiplier)
    else:
        position = 6 if len(node.args) > 6 else None
        p.rewrite(node, lambda count: _with_groups(node, position, count(ids) // multiplier))
    return (on_axis(ids, 1, p.values[node].ndim),)


def _with_groups(node: fx.Node, position: int | None, groups: int) -> tuple[tuple, dict]:
    if position is None:
        return node.args, {**node.kwargs, "groups": groups}
    args = list(node.args)
    args[position] = groups
    return tuple(args), dict(node.kwargs)


def size_attributes(p: Channels, module: str, weight: str, axes: dict[str, int], *, groups: int = 1) -> None:
    """Let the size attributes of a module follow its weight."""
    known = p.parameters[weight]
    for attribute, axis in axes.items():
        if axis in known.index:
            ids = known.index[axis]
        elif known.read is not None and known.read.ids is not None:
            ids = known.read.ids
        else:
            continue
        p.attribute(module, attribute, lambda count, ids=ids: count(ids))


@register("embedding", linear=True)
def embedding_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.embedding` with a parameter of the network."""
    name, _ = _weights(p, node, p.argument(node, 1, "weight"), None)
    p.ties.freeze(p.index(name, 0, None))
    return (on_axis(p.index(name, 1, None), -1, p.values[node].ndim),)


@register(nn.RNN, nn.LSTM, nn.GRU)
def recurrent_module(p: Channels, node: fx.Node) -> Any:
    """Read the last axis of sequences; what the module keeps from step to step, and so writes, stays as trained."""
    module: Any = p.target(node)
    source, name = node.all_input_nodes[0], str(node.target)
    if len(node.all_input_nodes) > 1:
        raise p.unsupported(node, "a recurrent layer that is given its first state needs a rule")
    for side in ("", "_reverse") if module.bidirectional else ("",):
        weight = f"{name}.weight_ih_l0{side}"
        p.read(weight, 1, node, source, p.values[source].ndim - 1)
        rows = p.index(weight, 0, None)
        p.freeze_late(
            Kept(node, str(p.unsupported(node, "recurrent neurons have no law; what they read is drawn")), rows)
        )
        size_attributes(p, name, weight, {"input_size": 1})
    for label in _others(p.labels_of(source), -1):
        p.ties.freeze(label)
    return [(), [(), ()] if isinstance(module, nn.LSTM) else ()]


@register(nn.Embedding)
def embedding_module(p: Channels, node: fx.Node) -> Labels:
    """Write one channel per column of the table; its rows are symbols of the input."""
    name = str(node.target)
    p.ties.freeze(p.index(f"{name}.weight", 0, None))
    ids = p.index(f"{name}.weight", 1, None)
    p.attribute(name, "embedding_dim", lambda count: count(ids))
    return (on_axis(ids, -1, p.values[node].ndim),)
