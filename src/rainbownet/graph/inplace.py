"""Operations in place: replaced by others in a trace, or refused where another view would have to see the change."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from rainbownet.errors import ArchitectureError
from rainbownet.graph.assigned import is_view

PART_OF = "_part_of"
"""The attribute of a proxy that was taken out of another: that one, and the index."""

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.imul: operator.mul,
    operator.isub: operator.sub,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
}


_CONSTANT = {"zero_": torch.zeros_like, "fill_": torch.full_like}
"""Methods whose result depends on the shape of their tensor alone."""


def changing_part(part: fx.Proxy, operation: str) -> Callable[..., fx.Proxy]:
    """Return a method that changes a part of a tensor in place, `x[:, 1:].zero_()`, as an assignment to it.

    Args:
        part: What was taken out.
        operation: The method of a tensor.
    """
    whole, index = vars(part)[PART_OF]

    def change(*args: Any, **kwargs: Any) -> fx.Proxy:
        if operation in _CONSTANT:
            new: Any = _CONSTANT[operation](part, *args, **kwargs)
        elif operation == "copy_":
            new = args[0]
        else:
            new = getattr(part, operation.removesuffix("_"))(*args, **kwargs)
        whole[index] = new
        part.node = new.node
        return part

    return change


def check_in_place(root: nn.Module, graph: fx.Graph, values: Mapping[fx.Node, Any]) -> None:
    """Refuse what is changed in place by a method that has no other form, or is a view of what is read afterwards.

    Args:
        root: The module.
        graph: Its trace.
        values: Of nodes on an example, as far as they are known.

    Raises:
        ArchitectureError: If there is such a change.
    """
    modules = dict(root.named_modules())
    order = {node: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        changed = node.args[0] if node.args and _is_in_place(node, modules) else None
        if not isinstance(changed, fx.Node):
            continue
        name = str(node.target)
        if node.op == "call_method" and name not in _CONSTANT and not hasattr(Tensor, name[:-1]):
            raise ArchitectureError(
                f"node {changed.name!r} is changed in place by {name!r}, which has no form that gives a new tensor: "
                "write the result as one"
            )
        others = {user for user in changed.users if is_view(user) and order[user] < order[node]}
        source = changed
        while is_view(source):
            source = source.all_input_nodes[0]
            others |= {source, *(user for user in source.users if is_view(user) and order[user] < order[node])}
        for other in others - {changed}:
            later = any(order[user] > order[node] for user in other.users)
            if later and _may_share(values.get(changed), values.get(other)):
                raise ArchitectureError(
                    f"node {changed.name!r} is changed in place, and {other.name!r}, which shares its memory, is read "
                    "later: write the result as a new tensor"
                )


def _may_share(one: Any, other: Any) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return True  # unknown, or several tensors
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _is_in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    method = node.op == "call_method" and str(node.target).endswith("_") and not str(node.target).endswith("__")
    return method or bool(node.kwargs.get("inplace")) or (node.op == "call_function" and node.target in _OUT_OF_PLACE)


def functionalise(traced: fx.GraphModule) -> None:
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
    if node.op == "call_method" and node.target in _CONSTANT:
        node.op, node.target = "call_function", _CONSTANT[str(node.target)]
        return True
    if node.op == "call_method" and str(node.target).endswith("_") and hasattr(torch.Tensor, str(node.target)[:-1]):
        node.target = str(node.target)[:-1]
        return True
    if node.op == "call_function" and node.target in _OUT_OF_PLACE:
        node.target = _OUT_OF_PLACE[node.target]
        return True
    return False
