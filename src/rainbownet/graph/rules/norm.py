"""Normalisations: their scales and offsets belong to the neuron; batch statistics are measured, not drawn."""

from typing import Any

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.rules.table import register


def _affine(p: Channels, module: str, source: fx.Node, dim: int, names: tuple[str, ...]) -> Any:
    """Give per-channel parameters to the neurons of an axis; return the channel indices."""
    ids = p.axis_label(source, dim)
    own = ids
    for name in names:
        if getattr(p.modules[module], name, None) is not None:
            own = p.index(f"{module}.{name}", 0, own)
            if ids is None:
                p.ties.freeze(own)
    return own


@register(_BatchNorm)
def batch_norm(p: Channels, node: fx.Node) -> Labels:
    """Normalise each channel over images and positions."""
    name, source = str(node.target), node.all_input_nodes[0]
    module: Any = p.target(node)
    ids = p.axis_label(source, 1)
    own = _affine(p, name, source, 1, ("weight", "bias"))
    for buffer in ("running_mean", "running_var"):
        if getattr(module, buffer, None) is not None:
            own = ids if own is None else own
            if own is None:
                own = p.index(f"{name}.{buffer}", 0, None)
                p.ties.freeze(own)
            p.statistic(f"{name}.{buffer}", 0, own)
    if own is not None:
        p.attribute(name, "num_features", lambda count: count(own))
    p.norm(node, source)
    return p.labels_of(source)


@register(_InstanceNorm)
def instance_norm(p: Channels, node: fx.Node) -> Labels:
    """Normalise each channel of each image over positions."""
    name, source = str(node.target), node.all_input_nodes[0]
    module: Any = p.target(node)
    if module.track_running_stats:
        raise p.unsupported(node, "InstanceNorm with running statistics needs a rule; use track_running_stats=False")
    own = _affine(p, name, source, 1, ("weight", "bias"))
    if own is not None:
        p.attribute(name, "num_features", lambda count: count(own))
    return p.labels_of(source)


@register(nn.GroupNorm)
def group_norm(p: Channels, node: fx.Node) -> Labels:
    """Normalise over the channels of each group: neurons of different groups have laws of their own."""
    name, source = str(node.target), node.all_input_nodes[0]
    module: Any = p.target(node)
    ids = p.axis_label(source, 1)
    own = _affine(p, name, source, 1, ("weight", "bias"))
    if ids is not None and module.num_groups > 1:
        p.tag_groups(ids, module.num_groups, (name, "group"))
    if own is not None:
        p.attribute(name, "num_channels", lambda count: count(own))
    return p.labels_of(source)


@register(nn.LayerNorm, nn.RMSNorm)
def layer_norm_module(p: Channels, node: fx.Node) -> Labels:
    """Normalise each image (or position) over its last axes."""
    name, source = str(node.target), node.all_input_nodes[0]
    module: Any = p.target(node)
    names = [f"{name}.{part}" for part in ("weight", "bias") if getattr(module, part, None) is not None]
    shape = _normalised(p, node, source, tuple(module.normalized_shape), names)
    p.attribute(name, "normalized_shape", shape)
    return p.labels_of(source)


@register("layer_norm")
def layer_norm_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.layer_norm` with parameters of the network."""
    source = p.argument(node, 0, "input")
    size = p.argument(node, 1, "normalized_shape")
    names = [p.parameter_name(p.argument(node, i, n)) for i, n in ((2, "weight"), (3, "bias"))]
    shape = _normalised(p, node, source, tuple(p.value(size)), [n for n in names if n is not None])
    if not isinstance(size, fx.Node) and not any(isinstance(part, fx.Node) for part in size):
        position = 1 if len(node.args) > 1 else None
        p.rewrite(node, lambda count: _with_shape(node, position, shape(count)))
    return p.labels_of(source)


def _with_shape(node: fx.Node, position: int | None, shape: tuple[int, ...]) -> tuple[tuple, dict]:
    if position is None:
        return node.args, {**node.kwargs, "normalized_shape": shape}
    args = list(node.args)
    args[position] = shape
    return tuple(args), dict(node.kwargs)


def _normalised(p: Channels, node: fx.Node, source: fx.Node, size: tuple[int, ...], names: list[str]) -> Any:
    """Index the parameters of a layer norm; return how its shape follows the number of channels."""
    ndim = p.values[source].ndim
    labels = []
    for axis in range(len(size)):
        ids = p.axis_label(source, ndim - len(size) + axis)
        for name in names:
            own = p.index(name, axis, ids)
            if ids is None:
                p.ties.freeze(own)
        labels.append(ids)
    return lambda count: tuple(size[axis] if ids is None else count(ids) for axis, ids in enumerate(labels))
