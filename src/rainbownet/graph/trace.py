"""Tracing: from the user's module to a torch.fx graph over a private copy of it, with the shape of every value."""

import inspect
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import config
from torch import fx, nn

from rainbownet.errors import ArchitectureError
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.private import private_copy
from rainbownet.graph.rules.table import leaf_modules

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.imul: operator.mul,
    operator.isub: operator.sub,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
}


class _Tracer(fx.Tracer):
    """Traces through user modules down to those of torch.nn and those with a rule of their own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, leaf_modules()) or super().is_leaf_module(m, module_qualified_name)


def symbolic_trace(module: nn.Module) -> fx.GraphModule:
    """Return the trace of a private copy of a module; see `copy_and_trace`."""
    return copy_and_trace(module)[1]


def copy_and_trace(module: nn.Module) -> tuple[nn.Module, fx.GraphModule]:
    """Copy a module and trace the copy with torch.fx.

    Args:
        module: Any module with one tensor input. It is neither changed nor put in another mode.

    Returns:
        The copy, and a graph module whose submodules and parameters are the copy's and have the user's names. Names of
        nodes do not depend on how the user's code calls its arguments.

    Raises:
        ArchitectureError: If the forward pass cannot be traced, with what torch.fx says and what to do.
    """
    root = private_copy(module)
    if isinstance(root, fx.GraphModule):
        root.graph = _renamed(root.graph)
        return root, root
    try:
        defaults = _defaults(root)
        with _shapes_unchecked():
            graph = _Tracer().trace(root, concrete_args=defaults)
    except Exception as error:
        raise ArchitectureError(
            f"network {type(root).__name__} cannot be traced by torch.fx: {type(error).__name__}: {error}. The "
            "forward pass must not branch on the values of tensors: move such code into a module of its own and give "
            "that module a rule with rainbownet.graph.register(..., leaf=True), or pass a network whose "
            "forward is a fixed graph."
        ) from error
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if (count := len(inputs) - len(defaults)) != 1:
        raise ArchitectureError(f"network {type(root).__name__} has {count} inputs; one tensor is supported")
    for extra in inputs[1:]:
        _erase(extra)
    traced = fx.GraphModule(root, graph, type(root).__name__)
    _functionalise(traced)
    traced.graph = _renamed(traced.graph)
    return root, traced


def _renamed(graph: fx.Graph) -> fx.Graph:
    """Return a copy of a graph in which nodes are named by what they do."""
    new = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            name = "inputs"
        elif node.op in ("call_function", "call_method"):
            name = operation_name(node.target).rpartition(".")[2]
        else:
            name = str(node.target).replace(".", "_")
        args, kwargs = (fx.map_arg(part, copies.__getitem__) for part in (node.args, dict(node.kwargs)))
        copies[node] = new.create_node(node.op, node.target, args, kwargs, name, node.type)
        copies[node].meta = dict(node.meta)
    return new


@contextmanager
def _shapes_unchecked() -> Iterator[None]:
    """Let forwards that jaxtyping checks take the proxies of a trace, which are no tensors."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", before)


def _defaults(root: nn.Module) -> dict[str, Any]:
    """Return the values of the further inputs that have one; code may branch on them."""
    parameters = list(inspect.signature(root.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _erase(node: fx.Node) -> None:
    """Erase an input that has a fixed value; its only uses are assertions of that value."""
    for user in list(node.users):
        _erase(user)
    node.graph.erase_node(node)


def _functionalise(traced: fx.GraphModule) -> None:
    """Replace in-place operations by others, so that nodes may be evaluated in any order that respects the graph."""
    modules = dict(traced.named_modules())
    order = {node: i for i, node in enumerate(traced.graph.nodes)}
    inplace = [m for m in modules.values() if getattr(m, "inplace", False)]
    for module in inplace:
        setattr(module, "inplace", False)  # noqa: B010
    for node in traced.graph.nodes:
        own = node.op == "call_module" and any(modules[str(node.target)] is module for module in inplace)
        if not own and not _made_out_of_place(node):
            continue
        changed = node.args[0] if node.args else None
        if isinstance(changed, fx.Node):
            later = order[node]
            changed.replace_all_uses_with(node, delete_user_cb=lambda user, later=later: order[user] > later)
    traced.graph.eliminate_dead_code()
    traced.recompile()


def _made_out_of_place(node: fx.Node) -> bool:
    if node.op == "call_module":
        return False
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
        return True
    if node.op == "call_method" and str(node.target).endswith("_") and hasattr(torch.Tensor, str(node.target)[:-1]):
        node.target = str(node.target)[:-1]
        return True
    if node.op == "call_function" and node.target in _OUT_OF_PLACE:
        node.target = _OUT_OF_PLACE[node.target]
        return True
    return False
