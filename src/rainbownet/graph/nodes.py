"""Nodes of a traced graph: what they are called, where they stand, and what they compute."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from rainbownet.errors import DataError, UnsupportedOp
from rainbownet.graph.inputs import Batch, dtypes_of, given, shapes_of


def operation_name(target: Any) -> str:
    """Return the name under which a function or a tensor method is looked up.

    Example:
        >>> import operator, torch
        >>> operation_name(torch.flatten), operation_name(operator.add), operation_name("view")
        ('flatten', 'add', 'view')
    """
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", str(target))
    module = getattr(target, "__module__", None) or "torch"
    return name if module.split(".")[0] in {"torch", "_operator", "builtins", "math"} else f"{module}.{name}"


def called(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    """Return the name of what a node calls: the class of a module, or the name of an operation."""
    return type(modules[str(node.target)]).__name__ if node.op == "call_module" else operation_name(node.target)


def module_path(node: fx.Node) -> str:
    """Return the path of the module whose forward made a node."""
    if node.op == "call_module":
        return str(node.target)
    stack = node.meta.get("nn_module_stack") or {}
    return str(next(reversed(stack))) if stack else "(root)"


def unsupported(node: fx.Node, modules: Mapping[str, nn.Module], need: str) -> UnsupportedOp:
    """Return the error for a node that cannot be handled."""
    return UnsupportedOp(
        f"node {node.name!r} ({called(node, modules)}) in module {module_path(node)!r} is not supported: {need}"
    )


def fetch(module: nn.Module, name: str) -> Any:
    """Return the attribute of a module with a dotted name."""
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part)
    return value


def evaluate(module: nn.Module, node: fx.Node, env: dict[fx.Node, Any], modules: Mapping[str, nn.Module]) -> Any:
    """Evaluate one node other than a placeholder, given the values of the nodes before it."""
    if node.op == "get_attr":
        return fetch(module, str(node.target))
    args = fx.map_arg(node.args, env.__getitem__)
    if node.op == "output":
        return args[0]
    kwargs = fx.map_arg(node.kwargs, env.__getitem__)
    if node.op == "call_module":
        return modules[str(node.target)](*args, **kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def evaluate_checked(
    module: nn.Module, node: fx.Node, env: dict[fx.Node, Any], modules: Mapping[str, nn.Module], example: Batch
) -> Any:
    """Evaluate one node on an example.

    Raises:
        DataError: If it cannot be evaluated, naming the layer.
    """
    try:
        return evaluate(module, node, env, modules)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        place = node.target if node.op == "call_module" else f"{node.name} ({node.op} {node.target})"
        raise DataError(
            f"layer {place!r} cannot be evaluated on inputs of shape {shapes_of(example)} and dtype "
            f"{dtypes_of(example)}: {error}"
        ) from error


@torch.no_grad()
def example_values(module: fx.GraphModule, example: Batch) -> dict[fx.Node, Any]:
    """Run a graph module on an example and return the value of every node.

    Args:
        module: A traced network.
        example: A batch of at least two inputs, so that the batch axis is told from axes of size one.

    Returns:
        The value of each node; those of non-tensor nodes are sizes and constants.

    Raises:
        DataError: If the network cannot be run on the example, naming the layer.
    """
    env: dict[fx.Node, Any] = {}
    modules = dict(module.named_modules())
    for node in module.graph.nodes:
        if node.op == "placeholder":
            env[node] = given(example, node)
            continue
        env[node] = evaluate_checked(module, node, env, modules, example)
    return env
