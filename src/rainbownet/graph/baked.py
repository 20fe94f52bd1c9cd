"""Weights that the forward pass computes from parameters alone (weight standardisation), made parameters."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from rainbownet.graph.nodes import evaluate, fetch, operation_name

_LAYERS = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


@torch.no_grad()
def with_baked_weights(root: nn.Module, graph: fx.Graph) -> list[str]:
    """Let a layer whose weight is computed from parameters alone have the result for a parameter, in place.

    Args:
        root: The private copy that is traced; its parameters take the computed values.
        graph: Its graph.

    Returns:
        The names of the parameters that are set: the code of the module would compute another weight of them.
    """
    constant = _constants(root, graph)
    found: dict[fx.Node, str] = {}
    for node in graph.nodes:
        if node.op == "call_function" and operation_name(node.target) in _LAYERS:
            weight = node.args[1] if len(node.args) > 1 else node.kwargs.get("weight")
            if isinstance(weight, fx.Node) and weight.op != "get_attr" and weight in constant:
                name = found.get(weight) or _name(weight, constant, set(found.values()))
                if name is not None:
                    found[weight] = name
    for weight, name in found.items():
        with graph.inserting_before(weight):
            weight.replace_all_uses_with(graph.get_attr(name))
    for node in reversed(list(graph.nodes)):
        if node in constant and not node.users:
            graph.erase_node(node)
    for weight, name in found.items():
        owner, _, leaf = name.rpartition(".")
        setattr(
            fetch(root, owner) if owner else root, leaf, nn.Parameter(constant[weight].clone(), requires_grad=False)
        )
    return list(found.values())


def _constants(root: nn.Module, graph: fx.Graph) -> dict[fx.Node, Any]:
    """Return the values of all nodes that are computed from parameters and constants alone."""
    modules = dict(root.named_modules())
    known: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        calls = node.op in ("call_function", "call_method") and node.all_input_nodes
        if node.op == "get_attr" or (calls and all(source in known for source in node.all_input_nodes)):
            known[node] = evaluate(root, node, known, modules)
    return known


def _name(weight: fx.Node, constant: dict[fx.Node, Any], taken: set[str]) -> str | None:
    """Return the parameter of the shape of a computed weight, if there is one and nothing else is computed from it."""
    inside, todo = set(), [weight]
    while todo:
        node = todo.pop()
        inside.add(node)
        todo += [source for source in node.all_input_nodes if source not in inside]
    shape = constant[weight].shape if isinstance(constant[weight], Tensor) else None
    names = [n for n in inside if n.op == "get_attr" and constant[n].shape == shape]
    alone = all(user in inside for n in names for user in n.users)
    chosen = str(names[0].target) if len({str(n.target) for n in names}) == 1 and alone else None
    return None if chosen in taken else chosen
