"""Ways of writing one operation, brought to the one that has a rule, while a network is traced."""

import operator
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

_PRODUCTS = (torch.matmul, torch.mm, operator.matmul, "matmul", "mm")
_TRANSPOSES: dict[Any, tuple[tuple[Any, ...], ...]] = {
    "t": ((),),
    torch.t: ((),),
    "transpose": ((0, 1), (1, 0), (-1, -2), (-2, -1)),
    torch.transpose: ((0, 1), (1, 0), (-1, -2), (-2, -1)),
    "permute": ((1, 0),),
    getattr: (("T",), ("mT",)),
}
"""What transposes a matrix, and the arguments with which it does."""

_SIZED = ("view", "reshape", "expand")


def with_plain_forms(graph: fx.Graph) -> None:
    """Write `x @ weight.T` as a linear map and `x.mT` as a transposition, in place.

    Example:
        >>> graph = fx.Graph()
        >>> x, w = graph.placeholder("x"), graph.get_attr("w")
        >>> _ = graph.output(graph.call_function(torch.matmul, (x, graph.call_function(getattr, (w, "T")))))
        >>> with_plain_forms(graph)
        >>> [node.op for node in graph.nodes], list(graph.nodes)[2].target is F.linear
        (['placeholder', 'get_attr', 'call_function', 'output'], True)
    """
    for node in list(graph.nodes):
        if node.target in _PRODUCTS and len(node.args) == 2:
            weight = _transposed_parameter(node.args[1])
            if weight is not None:
                _replace(node, graph, "call_function", F.linear, (node.args[0], weight))
        elif node.target is getattr and node.args[1] == "mT" and node.args[0].op != "get_attr":  # type: ignore[union-attr]
            _replace(node, graph, "call_method", "transpose", (node.args[0], -2, -1))
    for node in reversed(list(graph.nodes)):
        if node.target is getattr and not node.users:
            graph.erase_node(node)


def without_casts(graph: fx.Graph, values: Mapping[fx.Node, Any]) -> None:
    """Leave out casts of parameters that give them back as they are, in place: norms that would be in single precision.

    Args:
        graph: A traced graph.
        values: The values of its nodes on an example.
    """
    for node in list(graph.nodes):
        source = node.args[0] if node.op.startswith("call_") and node.args else None
        if not isinstance(source, fx.Node) or source.op != "get_attr" or not isinstance(values.get(node), Tensor):
            continue
        if values[node] is values.get(source):
            node.replace_all_uses_with(source)
            graph.erase_node(node)


def with_sizes_apart(graph: fx.Graph, values: Mapping[fx.Node, Any]) -> None:
    """Give every size of `x.view(sizes)` where these are computed as a whole as a node of its own, in place.

    Args:
        graph: A traced graph.
        values: The values of its nodes on an example.
    """
    for node in list(graph.nodes):
        sizes = node.args[1] if node.op == "call_method" and len(node.args) == 2 else None
        if node.target not in _SIZED or not isinstance(sizes, fx.Node) or not isinstance(values.get(sizes), tuple):
            continue
        with graph.inserting_before(node):
            parts = [graph.call_function(operator.getitem, (sizes, i)) for i in range(len(values[sizes]))]
        node.args = (node.args[0], *parts)


def with_listed_parts(graph: fx.Graph, values: Mapping[fx.Node, Any]) -> None:
    """Let what is concatenated or stacked be a list of tensors, where code passes what a split gave, in place."""
    for node in list(graph.nodes):
        parts = node.args[0] if node.target in (torch.cat, torch.concat, torch.stack) and node.args else None
        if isinstance(parts, fx.Node) and isinstance(values.get(parts), tuple | list):
            with graph.inserting_before(node):
                listed = [graph.call_function(operator.getitem, (parts, i)) for i in range(len(values[parts]))]
            for part in listed:
                part.meta = dict(node.meta)
            node.args = (listed, *node.args[1:])


def _transposed_parameter(node: Any) -> fx.Node | None:
    if not isinstance(node, fx.Node) or node.op not in ("call_function", "call_method") or not node.args:
        return None
    weight = node.args[0]
    is_parameter = isinstance(weight, fx.Node) and weight.op == "get_attr"
    fits = is_parameter and tuple(node.args[1:]) in _TRANSPOSES.get(node.target, ())
    return weight if fits and not node.kwargs else None  # type: ignore[return-value]


def _replace(node: fx.Node, graph: fx.Graph, op: str, target: Any, args: tuple) -> None:
    with graph.inserting_before(node):
        made = graph.create_node(op, target, args)
    made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)
