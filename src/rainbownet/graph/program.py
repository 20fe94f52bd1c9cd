"""A traced network as JSON and back, without code: leaf modules by class and arguments, operations by name.

Only operations and torch.nn modules that the table of rules knows can be written or read, so that a file can hold a
network and still never run anything but the library's own operations.
"""

import builtins
import inspect
import math
import operator
from typing import Any

import torch
from torch import fx, nn

from rainbownet.errors import FileError, UnsupportedOp
from rainbownet.graph.nodes import fetch
from rainbownet.graph.rules.table import OPERATIONS

_DTYPES = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
_ROOTS: dict[str, Any] = {
    "operator": operator,
    "builtins": builtins,
    "math": math,
    "torch": torch,
    "torch.nn.functional": torch.nn.functional,
    "torch.special": torch.special,
    "torch.linalg": torch.linalg,
}
_SIZES = {"getattr", "eq", "floordiv", "mod", "neg", "int", "len", "isinstance", "size", "dim", "numel"}
"""Operations on sizes, which need no rule."""
_FILLED = {"zeros_like", "ones_like", "full_like"}


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


def from_program(program: dict[str, Any]) -> fx.GraphModule:
    """Build the network a program describes, its parameters not yet set.

    Raises:
        FileError: If the program names anything that is not an operation or a torch.nn module the library knows.
    """
    try:
        root = nn.Module()
        for name, description in program["modules"].items():
            _attach(root, name, _build(description))
        for name, t in program["tensors"].items():
            value = torch.zeros(t["shape"], dtype=_DTYPES[t["dtype"]])
            _attach(root, name, nn.Parameter(value, requires_grad=False) if t["parameter"] else value)
        graph = fx.Graph()
        nodes: dict[str, fx.Node] = {}
        for description in program["nodes"]:
            target = _target(description)
            args, kwargs = (_decode(description[key], nodes) for key in ("args", "kwargs"))
            made = graph.create_node(description["op"], target, args, kwargs, name=description["name"])
            nodes[description["name"]] = made
        traced = fx.GraphModule(root, graph)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FileError(
            f"the network described in the file cannot be rebuilt: {type(error).__name__}: {error}"
        ) from error
    return traced.eval().requires_grad_(False)


def _module(name: str, module: nn.Module) -> dict[str, Any]:
    cls = type(module)
    if getattr(nn, cls.__name__, None) is not cls:
        raise UnsupportedOp(
            f"module {name!r} ({cls.__module__}.{cls.__name__}) is not one of torch.nn: save the rainbow with "
            "architecture='package.module:factory', so that it can be built again"
        )
    arguments = {}
    for key in inspect.signature(cls.__init__).parameters:
        if key in ("self", "device", "dtype", "args", "kwargs", "inplace") or not hasattr(module, key):
            continue
        value = getattr(module, key)
        arguments[key] = value is not None if key == "bias" else _encode(value)
    parameter = next(iter(module.parameters()), None)
    dtype = None if parameter is None else str(parameter.dtype)
    return {"class": cls.__name__, "arguments": arguments, "dtype": dtype}


def _build(description: dict[str, Any]) -> nn.Module:
    cls = getattr(nn, description["class"], None)
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise FileError(f"the file names a module torch.nn.{description['class']}, which does not exist")
    arguments = {key: _decode(value, {}) for key, value in description["arguments"].items()}
    if description["dtype"] is not None:
        arguments["dtype"] = _DTYPES[description["dtype"]]
    return cls(**arguments)


def _attach(root: nn.Module, name: str, value: Any) -> None:
    *path, leaf = name.split(".")
    parent = root
    for part in path:
        if not hasattr(parent, part):
            parent.add_module(part, nn.Module())
        parent = getattr(parent, part)
    if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter):
        parent.register_buffer(leaf, value)
    else:
        setattr(parent, leaf, value)


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
    for root, module in _ROOTS.items():
        if getattr(module, name, None) is node.target and _allowed(root, name):
            return f"{root}:{name}"
    raise UnsupportedOp(
        f"node {node.name!r} calls {node.target}, which is not a function of torch known to be harmless: save the "
        "rainbow with architecture='package.module:factory', so that it can be built again"
    )


def _target(description: dict[str, Any]) -> Any:
    op, target = description["op"], description["target"]
    if op == "call_method":
        if target.startswith("_") or not hasattr(torch.Tensor, target):
            raise FileError(f"the file names a tensor method {target!r}, which is not allowed")
        return target
    if op != "call_function":
        return target
    root, _, name = target.partition(":")
    if not _allowed(root, name):
        raise FileError(f"the file names a function {target!r}, which is not allowed")
    return getattr(_ROOTS[root], name)


def _allowed(root: str, name: str) -> bool:
    """Whether a function has a rule, or works on sizes or entry by entry: it can do nothing but compute."""
    if not callable(getattr(_ROOTS.get(root), name, None)):
        return False
    known = name in OPERATIONS or name in _SIZES or name in _FILLED
    # A function of torch that is also a method of tensors acts on tensors alone.
    tensors = root == "torch" and hasattr(torch.Tensor, name)
    return known or tensors or root in ("torch.nn.functional", "torch.special", "operator", "math")


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


def _decode(value: Any, nodes: dict[str, fx.Node]) -> Any:
    if isinstance(value, list):
        return [_decode(v, nodes) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "node":
        return nodes[content]
    if kind == "tuple":
        return tuple(_decode(v, nodes) for v in content)
    if kind == "dict":
        return {k: _decode(v, nodes) for k, v in content.items()}
    if kind == "slice":
        return slice(*(_decode(v, nodes) for v in content))
    if kind == "dtype":
        return _DTYPES[content]
    if kind == "float":
        return float(content)
    return Ellipsis
