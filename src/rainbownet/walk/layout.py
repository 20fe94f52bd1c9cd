"""How the values of a walk lie in memory: channels last where that is faster, and ReLUs in place.

On a CPU convolutions are faster with channels last, and the channels of a position are a row without a copy.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rainbownet.graph.nodes import operation_name
from rainbownet.graph.rules.elementwise import elementwise
from rainbownet.graph.rules.pool import pool
from rainbownet.graph.rules.table import find_operation

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


class Layouts:
    """Which nodes take feature maps with channels last, and which need them as a network lays them out.

    Convolutions want them, operations of PyTorch on whole maps (norms, entry by entry, pools, concatenation) take them
    as they come, and so do modules with a true `any_layout`. Anything else, such as `view` or code of the user's, gets
    maps in the usual order, for which it was written.

    Args:
        graph: The graph.
        modules: Its modules.
    """

    def __init__(self, graph: fx.Graph, modules: Mapping[str, nn.Module]) -> None:
        self._wants = {node for node in graph.nodes if _convolves(node, modules)}
        self._takes = {node for node in graph.nodes if node in self._wants or _takes_any(node, modules)}

    def arranged(self, node: fx.Node, value: Any) -> Any:
        """Return a value in the layout in which a node reads it.

        Args:
            node: Who reads it.
            value: Anything; only maps of four axes in single or half precision on a CPU are laid out.
        """
        if not isinstance(value, Tensor) or value.ndim != 4 or value.device.type != "cpu":
            return value
        if node in self._wants and value.dtype in (torch.float32, torch.bfloat16, torch.float16):
            return value.contiguous(memory_format=torch.channels_last)
        last = node not in self._takes and value.is_contiguous(memory_format=torch.channels_last)
        return value.contiguous() if last else value


def overwritten(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> set[fx.Node]:
    """Return the ReLUs that may overwrite what they read: the new value of a layer or a sum, which nothing else reads.

    Args:
        graph: The graph.
        modules: Its modules.
    """
    found = set()
    for node in graph.nodes:
        if node.op == "call_module":
            module = modules[str(node.target)]
            relu = type(module) is nn.ReLU and not module._forward_hooks and not module._forward_pre_hooks
        else:
            relu = node.op.startswith("call_") and operation_name(node.target) == "relu"
        source = node.all_input_nodes[0] if relu and len(node.all_input_nodes) == 1 else None
        if source is not None and len(source.users) == 1 and _makes(source, modules):
            found.add(node)
    return found


def _makes(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Say whether the value of a node is new, and no part of another."""
    if node.op == "call_module":
        return type(modules[str(node.target)]) in (*_CONVOLUTIONS, nn.Linear, nn.BatchNorm1d, nn.BatchNorm2d)
    return node.op == "call_function" and operation_name(node.target) == "add"


def in_place(relu: Any, value: Tensor) -> Tensor:
    """Return what a ReLU makes of a value, in the memory of the value."""
    before, relu.inplace = relu.inplace, True
    try:
        return relu(value)
    finally:
        relu.inplace = before


def _convolves(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return type(modules[str(node.target)]) in _CONVOLUTIONS
    return node.op == "call_function" and operation_name(node.target) in ("conv2d", "conv_transpose2d")


def _takes_any(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    operation = find_operation(node, modules)
    if operation is None:
        return False
    if node.op == "call_module":
        kind = type(modules[str(node.target)])
        if not kind.__module__.startswith("torch.nn."):
            return getattr(kind, "any_layout", False)
        return operation.pointwise or operation.rule in (pool, elementwise) or issubclass(kind, _BatchNorm)
    name = operation_name(node.target)
    return "." not in name and (
        operation.pointwise or operation.rule in (pool, elementwise) or name in ("cat", "concat")
    )
