"""A traced network as JSON, without code: leaf modules by class and arguments, operations by name.

Only what the closed list has can be written; `rainbownet.graph.rebuild` reads it.
"""

import math
from typing import Any

import torch
from torch import fx, nn

from rainbownet.errors import UnsupportedOp
from rainbownet.files.closed_list import MODULES
from rainbownet.graph.nodes import fetch
from rainbownet.graph.vocabulary import ROOTS, arguments_of, function_named


def to_program(traced: fx.GraphModule) -> dict[str, Any]:
    """Describe a traced network.

    Args:
        traced: A graph module of torch.nn leaves.

    Returns:
        JSON values: leaf modules, tensors that are not theirs, and nodes.

    Raises:
        UnsupportedOp: If it holds a module or function that could not be found again by name.
    """
    modules = dict(traced.named_modules())
    used = {str(node.target) for node in traced.graph.nodes if node.op == "call_module"}
    leaves = {name: _module(name, modules[name]) for name in sorted(used)}
    tensors = {}
    for node in traced.graph.nodes:
        if node.op == "get_attr":
            value = fetch(traced, str(node.target))
            tensors[str(node.target)] = {
                "shape": list(value.shape),
                "dtype": str(value.dtype),
                "parameter": isinstance(value, nn.Parameter),
            }
    return {
        "modules": leaves,
        "tensors": tensors,
        "nodes": [_node(node) for node in traced.graph.nodes],
    }


def _module(name: str, module: nn.Module) -> dict[str, Any]:
    cls = type(module)
    if cls.__name__ not in MODULES or getattr(nn, cls.__name__, None) is not cls:
        raise UnsupportedOp(
            f"module {name!r} ({cls.__module__}.{cls.__name__}) is not one of torch.nn that a file may name: save the "
            "rainbow with architecture='package.module:factory', so that it can be built again"
        )
    arguments = {}
    for key in arguments_of(cls):
        if hasattr(module, key):
            value = getattr(module, key)
            arguments[key] = value is not None if key == "bias" else _encode(value)
    parameter = next(iter(module.parameters()), None)
    dtype = None if parameter is None else str(parameter.dtype)
    return {"class": cls.__name__, "arguments": arguments, "dtype": dtype}


def _node(node: fx.Node) -> dict[str, Any]:
    target = node.target if isinstance(node.target, str) else _function_name(node)
    return {
        "name": node.name,
        "op": node.op,
        "target": target,
        "args": _encode(node.args),
        "kwargs": _encode(dict(node.kwargs)),
    }


def _function_name(node: fx.Node) -> str:
    name = getattr(node.target, "__name__", "")
    for root in ROOTS:
        if name and function_named(root, name) is node.target:
            return f"{root}:{name}"
    raise UnsupportedOp(
        f"node {node.name!r} calls {node.target}, which is not a function of torch known to be harmless: save the "
        "rainbow with architecture='package.module:factory', so that it can be built again"
    )


def _encode(value: Any) -> Any:
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if isinstance(value, tuple):
        return {"tuple": [_encode(v) for v in value]}
    if isinstance(value, list):
        return [_encode(v) for v in value]
    if isinstance(value, dict):
        return {"dict": {str(k): _encode(v) for k, v in value.items()}}
    if isinstance(value, slice):
        return {"slice": [_encode(value.start), _encode(value.stop), _encode(value.step)]}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value)}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise UnsupportedOp(f"a constant of type {type(value).__name__} in the network's code cannot be written to a file")
