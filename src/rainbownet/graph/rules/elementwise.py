"""Operations that act entry by entry: they tie the channels of all their inputs."""

from typing import Any

import numpy as np
from torch import Tensor, fx, nn

from rainbownet.graph.broadcasting import broadcast
from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.parts import is_counted
from rainbownet.graph.rules.table import register

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@register(
    *("mul", "div", "truediv", "true_divide", "pow", "maximum", "minimum", "lerp", "where", "addcmul"),
    *("clamp", "clip", "clamp_min", "clamp_max"),
    pointwise=True,
)
@register("add", "sub", channelwise=True, linear=True, pointwise=True)
@register("dropout", "dropout1d", "dropout2d", "dropout3d", nn.Identity, *_DROPOUTS, channelwise=True, linear=True)
@register("contiguous", "clone", "detach", "to", "float", "identity", channelwise=True, linear=True)
@register("torchvision.ops.stochastic_depth.stochastic_depth", channelwise=True, linear=True)
@register("complex", "masked_fill")
def elementwise(p: Channels, node: fx.Node) -> Labels:
    """Tie the inputs channel by channel, with broadcasting (residual additions, gates, layer scales).

    Numbers that are computed from sizes, as attention's scale by code that asks for a width, stay what they are.
    """
    numbers = [(n, p.values[n]) for n in node.all_input_nodes if isinstance(p.values[n], (int, float))]
    if numbers:
        p.computed_sizes(node, numbers)
    tensors = [n for n in node.all_input_nodes if isinstance(p.values[n], Tensor)]
    return broadcast(p, node, tensors, p.values[node].shape)


@register("type_as", channelwise=True, linear=True)
def type_as(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels of the first tensor on: of the other only the type counts."""
    return p.labels_of(p.argument(node, 0, "input"))


@register(nn.PReLU)
def prelu_module(p: Channels, node: fx.Node) -> Labels:
    """Give the slope of each channel to its neuron."""
    name = f"{node.target}.weight"
    module = p.target(node)
    assert isinstance(module, nn.PReLU)
    source = node.all_input_nodes[0]
    if module.num_parameters > 1:
        ids = p.axis_label(source, 1)
        own = p.index(name, 0, ids)
        if ids is None:
            p.ties.freeze(own)
        p.attribute(str(node.target), "num_parameters", lambda count: count(own))
    return p.labels_of(source)


@register("type_as", channelwise=True, linear=True)
def typed(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels of the first on: the other gives a type of numbers alone."""
    return p.labels_of(node.all_input_nodes[0])


@register("softmax", "log_softmax", "normalize", nn.Softmax, nn.LogSoftmax, nn.Softmax2d)
def equivariant(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels on: the operation commutes with permutations of the channels.

    Over parts of an axis of channels (paths, pieces) it does with those that move the channels of all parts alike.
    """
    source = node.all_input_nodes[0]
    module: Any = p.target(node) if node.op == "call_module" else None
    position, default = (2, 1) if operation_name(node.target) == "normalize" else (1, None)
    dim = p.argument(node, position, "dim", default) if module is None else getattr(module, "dim", -3)
    for label in p.labels_of(source):
        if not isinstance(dim, int):
            p.mixes(node, label, "the axis that it goes over must be given as a number")
        elif label.shape[dim] > 1 and not is_counted(p, label, dim):
            p.ties.link(label.take([0], dim), label)
    return p.labels_of(source)


@register(nn.GLU, "glu")
def gated(p: Channels, node: fx.Node) -> Labels:
    """Tie each channel to the one that is its gate: the two halves of an axis."""
    source = node.all_input_nodes[0]
    given = getattr(p.target(node), "dim", -1) if node.op == "call_module" else p.argument(node, 1, "dim", -1)
    dim = int(given) % p.values[source].ndim
    labels = []
    for label in p.labels_of(source):
        if label.shape[dim] > 1:
            label, gate = np.split(label, 2, axis=dim)
            p.ties.tie(label, gate)
        labels.append(label)
    return tuple(labels)


_ACTIVATIONS = (
    *(nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid),
    *(nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh),
    *(nn.Tanhshrink, nn.Threshold),
)


@register(*_ACTIVATIONS, "abs", "sigmoid", "tanh", "relu", "square", "sqrt", channelwise=True, pointwise=True)
@register("celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", pointwise=True)
@register("mish", "relu6", "selu", "silu", "softplus", "softsign", "erf", "exp", "sin", "cos", "neg", pointwise=True)
def pointwise(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels of the one input on."""
    return p.labels_of(node.all_input_nodes[0])


@register("zeros_like", "ones_like", "full_like")
def like(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels on: every channel has the same number."""
    return p.labels_of(node.all_input_nodes[0])


@register("new_zeros", "new_ones", "new_full", "new_empty")
def new(p: Channels, node: fx.Node) -> Labels:
    """Make a tensor of constants, which has no channels: the tensor it is made of gives a type and a device."""
    return ()
