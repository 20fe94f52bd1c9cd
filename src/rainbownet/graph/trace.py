"""Tracing: from the user's module to a torch.fx graph over a private copy of it, with the shape of every value."""

import copy
import inspect
import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import config
from torch import fx, nn

from rainbownet.errors import ArchitectureError
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


def private_copy(module: nn.Module) -> nn.Module:
    """Return a deep copy of a module in evaluation mode, without the user's hooks."""
    module = copy.deepcopy(module).eval()
    for child in module.modules():
        for name, value in vars(child).items():
            if name.endswith("_hooks") and isinstance(value, dict):
                value.clear()
    return module.requires_grad_(False)


def symbolic_trace(module: nn.Module) -> fx.GraphModule:
    """Trace a copy of a module with torch.fx.

    Args:
        module: Any module with one tensor input. It is neither changed nor put in another mode.

    Returns:
        A graph module whose submodules and parameters have the user's names.

    Raises:
        ArchitectureError: If the forward pass cannot be traced, with what torch.fx says and what to do.
    """
    if not isinstance(module, nn.Module):
        raise ArchitectureError(f"network: expected a torch.nn.Module, got {type(module).__name__}")
    root = private_copy(module)
    if isinstance(root, fx.GraphModule):
        return root
    try:
        defaults = _defaults(root)
        with _shapes_unchecked():
            graph = _Tracer().trace(root, concrete_args=defaults)
    except Exception as error:
        raise ArchitectureError(
            f"network {type(module).__name__} cannot be traced by torch.fx: {type(error).__name__}: {error}. The "
            "forward pass must not branch on the values of tensors: move such code into a module of its own and give "
            "that module a rule with rainbownet.graph.register(..., leaf=True), or pass a network whose "
            "forward is a fixed graph."
        ) from error
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if (count := len(inputs) - len(defaults)) != 1:
        raise ArchitectureError(f"network {type(module).__name__} has {count} inputs; one tensor is supported")
    for extra in inputs[1:]:
        _erase(extra)
    traced = fx.GraphModule(root, graph, type(module).__name__)
    _functionalise(traced)
    return traced


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
    for node in traced.graph.nodes:
        if not _made_out_of_place(node, modules):
            continue
        changed = node.args[0] if node.args else None
        if isinstance(changed, fx.Node):
            later = order[node]
            changed.replace_all_uses_with(node, delete_user_cb=lambda user, later=later: order[user] > later)
    traced.graph.eliminate_dead_code()
    traced.recompile()


def _made_out_of_place(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        module = modules[str(node.target)]
        if getattr(module, "inplace", False):
            setattr(module, "inplace", False)  # noqa: B010
            return True
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
