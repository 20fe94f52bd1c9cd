"""Normalisations: their scales and offsets belong to the neuron; batch statistics are measured, not drawn."""

from typing import Any

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.parts import is_counted
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids


def _affine(p: Channels, module: str, source: fx.Node, dim: int, names: tuple[str, ...]) -> Any:
    """Give per-channel parameters to the neurons of an axis; return the channel indices."""
    present = [f"{module}.{name}" for name in names if getattr(p.modules[module], name, None) is not None]
    return _owned(p, present, p.axis_label(source, dim))


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


@register("group_norm")
def group_norm_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.group_norm` with parameters of the network."""
    source, groups = p.argument(node, 0, "input"), p.argument(node, 1, "num_groups")
    names = _parameter_names(p, node, 2)
    ids = p.axis_label(source, 1)
    own = _owned(p, names, ids)
    if ids is not None and groups > 1:
        p.tag_groups(ids, groups, (node.name, "group"))
    _follow_owner(p, names, "num_channels", own)
    return p.labels_of(source)


@register("instance_norm")
def instance_norm_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.instance_norm` with parameters of the network and without running statistics."""
    source = p.argument(node, 0, "input")
    if any(p.argument(node, i, name) is not None for i, name in ((1, "running_mean"), (2, "running_var"))):
        raise p.unsupported(node, "F.instance_norm with running statistics needs a rule; leave them out")
    names = _parameter_names(p, node, 3)
    own = _owned(p, names, p.axis_label(source, 1))
    _follow_owner(p, names, "num_features", own)
    return p.labels_of(source)


@register("batch_norm")
def batch_norm_function(p: Channels, node: fx.Node) -> Labels:
    """Refuse `F.batch_norm` but for the tensors of one batch norm, which the tracer takes for a call of that module."""
    raise p.unsupported(
        node, "the statistics, scale and offset of F.batch_norm must be those of one module derived from nn.BatchNorm"
    )


def _parameter_names(
    p: Channels, node: fx.Node, first: int, arguments: tuple[str, ...] = ("weight", "bias")
) -> list[str]:
    """Return the names of the scale and the offset of a functional norm, its arguments from a position on."""
    given = [p.argument(node, first + i, name) for i, name in enumerate(arguments)]
    names = [p.parameter_name(item) for item in given if item is not None]
    if any(name is None for name in names):
        raise p.unsupported(node, "its scale and offset must be parameters of the network, not computed tensors")
    return [name for name in names if name is not None]


def _owned(p: Channels, names: list[str], ids: Ids | None) -> Ids | None:
    own = ids
    for name in names:
        own = p.index(name, 0, own)
        if ids is None:
            p.ties.freeze(own)
    return own


def _follow_owner(p: Channels, names: list[str], attribute: str, own: Ids | None) -> None:
    """Let the size of a module follow its channels, where the parameters of a functional norm belong to one."""
    owners = {name.rpartition(".")[0] for name in names}
    if own is not None and len(owners) == 1 and hasattr(p.modules.get(owner := owners.pop()), attribute):
        p.attribute(owner, attribute, lambda count: count(own))


@register(nn.LayerNorm, nn.RMSNorm)
def layer_norm_module(p: Channels, node: fx.Node) -> Labels:
    """Normalise each image (or position) over its last axes."""
    name, source = str(node.target), node.all_input_nodes[0]
    module: Any = p.target(node)
    names = [f"{name}.{part}" for part in ("weight", "bias") if getattr(module, part, None) is not None]
    shape = _normalised(p, node, source, tuple(module.normalized_shape), names)
    p.attribute(name, "normalized_shape", shape)
    return p.labels_of(source)


@register("layer_norm", "rms_norm")
def layer_norm_function(p: Channels, node: fx.Node) -> Labels:
    """Handle `F.layer_norm` and `F.rms_norm` with parameters of the network."""
    source = p.argument(node, 0, "input")
    size = p.argument(node, 1, "normalized_shape")
    arguments = ("weight",) if operation_name(node.target) == "rms_norm" else ("weight", "bias")
    shape = _normalised(p, node, source, tuple(p.value(size)), _parameter_names(p, node, 2, arguments))
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
    parts = _of_each_part(p, source) if len(size) == 1 else None
    for axis in range(len(size)):
        ids = p.axis_label(source, ndim - len(size) + axis) if parts is None else parts.reshape(-1, size[0])[0]
        for name in names:
            own = p.index(name, axis, ids if parts is None else None)
            if parts is not None:
                p.ties.link(parts, own)
            elif ids is None:
                p.ties.freeze(own)
        labels.append(ids)
    return lambda count: tuple(size[axis] if ids is None else count(ids) for axis, ids in enumerate(labels))


def _of_each_part(p: Channels, source: fx.Node) -> Ids | None:
    """Return the channels of a value whose last axis holds those of each part (head) of what was one axis."""
    along = [label for label in p.labels_of(source) if label.shape[-1] > 1]
    spread = len(along) == 1 and along[0].size > along[0].shape[-1] and is_counted(p, along[0], -1)
    return along[0] if spread else None
