"""Operations that act entry by entry: they tie the channels of all their inputs."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn

from rainbownet.graph.rules.table import register

if TYPE_CHECKING:
    from rainbownet.graph.propagate import Labels, Propagation

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@register("add", "sub", "mul", "div", "truediv", "true_divide", "pow", "maximum", "minimum", "lerp", "where", "addcmul")
@register("dropout", "dropout1d", "dropout2d", "contiguous", "clone", "detach", "to", "float", "identity")
@register("complex", "torchvision.ops.stochastic_depth.stochastic_depth")
@register(nn.Identity, *_DROPOUTS)
def elementwise(p: "Propagation", node: fx.Node) -> "Labels":
    """Tie the inputs channel by channel, with broadcasting (residual additions, gates, layer scales)."""
    tensors = [n for n in node.all_input_nodes if isinstance(p.values[n], Tensor)]
    return p.join(tensors, p.values[node].shape)


@register(nn.PReLU)
def prelu_module(p: "Propagation", node: fx.Node) -> "Labels":
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


@register("softmax", "log_softmax", "normalize", nn.Softmax, nn.LogSoftmax, nn.Softmax2d)
def equivariant(p: "Propagation", node: fx.Node) -> "Labels":
    """Pass the labels on: the operation commutes with permutations of the channels."""
    return p.labels_of(node.all_input_nodes[0])


@register("abs", "sigmoid", "tanh", "relu", "square", "sqrt", torch.nn.ReLU, torch.nn.Sigmoid, torch.nn.Tanh)
def pointwise(p: "Propagation", node: fx.Node) -> "Labels":
    """Pass the labels of the one input on."""
    return p.labels_of(node.all_input_nodes[0])
