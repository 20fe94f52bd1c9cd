"""Activations of a traced network: one operation cut out of the graph, and the kernel it has in infinite width."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, fx, nn

from rainbownet.graph.nodes import fetch, operation_name
from rainbownet.limit.kernel import Kernel, dual_kernel

Activation = nn.Module | Callable[[Tensor], Tensor]


def operation(module: nn.Module, nodes: Sequence[fx.Node]) -> fx.GraphModule:
    """Return a module that does what nodes do, one after another, to one tensor.

    Args:
        module: The traced network the nodes belong to.
        nodes: Nodes with one tensor among their arguments, the value of the one before; none for the identity.

    Example:
        >>> import torch
        >>> from rainbownet.graph.trace import symbolic_trace
        >>> net = symbolic_trace(nn.Sequential(nn.Linear(1, 1), nn.Tanh()))
        >>> operation(net, list(net.graph.nodes)[2:3])(torch.ones(2))
        tensor([0.7616, 0.7616])
    """
    root, graph = nn.Module(), fx.Graph()
    value = graph.placeholder("x")
    for i, node in enumerate(nodes):
        if node.op == "call_module":
            root.add_module(f"activation{i}" if i else "activation", copy.deepcopy(fetch(module, str(node.target))))
            value = graph.call_module(f"activation{i}" if i else "activation", (value,))
        else:
            value = graph.node_copy(node, lambda _, before=value: before)
    graph.output(value)
    return fx.GraphModule(root, graph)


def activation_of(single: fx.GraphModule) -> Activation:
    """Return the module or function whose dual activation is that of an operation.

    Functions with constants are turned into the module that means the same, where the table of dual activations has it;
    several operations in a row have no closed form, and are expanded in Hermite polynomials.

    Args:
        single: What `operation` returned.

    Example:
        >>> graph = fx.Graph()
        >>> _ = graph.output(graph.call_method("clamp", (graph.placeholder("x"),), {"min": 0}))
        >>> activation_of(fx.GraphModule(nn.Module(), graph))
        ReLU()
    """
    nodes = [node for node in single.graph.nodes if node.op.startswith("call_")]
    if not nodes:
        return nn.Identity()
    if len(nodes) > 1:
        return single
    node = nodes[0]
    if node.op == "call_module":
        return fetch(single, str(node.target))
    name = operation_name(node.target).rstrip("_")
    constants = {k: v for k, v in node.kwargs.items() if k not in ("inplace", "input")}
    values: list[Any] = [a for a in node.args if not isinstance(a, fx.Node)]
    if name == "leaky_relu":
        return nn.LeakyReLU(*values[:1], **{k: v for k, v in constants.items() if k == "negative_slope"})
    if name == "gelu":
        return nn.GELU(**constants)
    if name in ("clamp", "clip", "clamp_min", "hardtanh"):
        low, high = _bounds(name, values, constants)
        if (low, high) == (0, None):
            return nn.ReLU()
        if low is not None and high is not None:
            return nn.Hardtanh(low, high)
    if constants or values or len(node.args) != 1:
        return single
    return getattr(Tensor, str(node.target)) if node.op == "call_method" else node.target  # type: ignore[return-value]


def _bounds(name: str, values: list[Any], constants: dict[str, Any]) -> tuple[Any, Any]:
    if name == "hardtanh":
        values = [*values, -1.0, 1.0][: max(2, len(values))] if len(values) != 1 else [*values, 1.0]
    low = values[0] if values else constants.get("min", constants.get("min_val"))
    high = values[1] if len(values) > 1 else constants.get("max", constants.get("max_val"))
    return low, high


def operation_kernel(single: fx.GraphModule, *, mean: bool) -> Kernel:
    """Return the kernel of an infinitely wide layer with this operation as its non-linearity.

    Args:
        single: What `operation` returned.
        mean: Whether the last channel of the rows is the mean of the pre-activation.

    Raises:
        RainbowError: If it does not act entry by entry.
    """
    return dual_kernel(activation_of(copy.deepcopy(single).double()), mean=mean)
