"""Assignments to parts of tensors, `x[:, 1:] = y`, as operations that give a new tensor, while a network is traced."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from rainbownet.errors import ArchitectureError
from rainbownet.graph.nodes import operation_name

_VIEWS = {
    *(
        "getitem",
        "view",
        "reshape",
        "transpose",
        "permute",
        "unbind",
        "chunk",
        "split",
        "unsqueeze",
        "squeeze",
        "narrow",
    ),
    *("expand", "flatten", "unflatten", "movedim", "swapaxes", "detach", "T", "mT", "view_as", "reshape_as"),
}


def assigned(target: fx.Proxy, index: Any, value: Any, shape: Sequence[int]) -> fx.Proxy:
    """Return a tensor with other entries at slices of its axes.

    Args:
        target: The tensor.
        index: Slices of its first axes.
        value: The entries, a tensor of the shape of that part, or a number.
        shape: The shape of the tensor.

    Raises:
        TypeError: If the index is not made of slices alone, or the value is neither a tensor nor a number.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(isinstance(p, slice) and p.step in (None, 1) for p in parts):
        raise TypeError("tensors and numbers are assigned to slices, without steps")
    if isinstance(value, (bool, int, float)):
        value = torch.full_like(operator.getitem(target, index), value)  # type: ignore[arg-type]
    if not isinstance(value, fx.Proxy):
        raise TypeError("tensors and numbers are assigned to slices, without steps")
    axes = [axis for axis, part in enumerate(parts) if part.indices(shape[axis])[:2] != (0, shape[axis])]
    inner = [target]  # the tensor, cut along the first axis, along the first two, ...
    for axis in axes[:-1]:
        inner.append(operator.getitem(inner[-1], (slice(None),) * axis + (parts[axis],)))  # type: ignore[arg-type]
    for axis, whole in zip(reversed(axes or [0]), reversed(inner), strict=True):
        value = torch.slice_scatter(whole, value, axis, parts[axis].start, parts[axis].stop)  # type: ignore[arg-type]
    return value


def check_assigned(graph: fx.Graph, changes: Sequence[tuple[fx.Node, fx.Node]]) -> None:
    """Refuse a trace in which another view of a tensor that was assigned to is read afterwards: it has old entries.

    Args:
        graph: The trace.
        changes: The tensors before and after each assignment.

    Raises:
        ArchitectureError: If there is such a view.
    """
    order = {node: i for i, node in enumerate(graph.nodes)}
    for before, after in changes:
        views = {before} if is_view(before) else set()
        views = {*views, *(source for node in views for source in node.all_input_nodes)}
        views |= {user for user in before.users if is_view(user)}
        for node in views:
            if any(order[user] > order[after] for user in node.users if user is not after):
                raise ArchitectureError(
                    f"node {before.name!r} is assigned to in part, and a view of it, {node.name!r}, is read later: "
                    "write the result of the assignment as a new tensor"
                )


def is_view(node: fx.Node) -> bool:
    """Return whether a node gives a tensor that may share its memory with another."""
    return node.op.startswith("call_") and node.op != "call_module" and operation_name(node.target) in _VIEWS
