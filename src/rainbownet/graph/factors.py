"""Constant factors of products of two activations: one that is missing is written out, so that it can follow widths."""

import operator

from torch import fx

from rainbownet.graph.nodes import operation_name

PRODUCTS = {"matmul", "bmm", "einsum"}
"""Products of two activations, by name."""


def with_factors(graph: fx.Graph) -> None:
    """Multiply products of two activations by 1 where no number does, in place.

    A score is a sum over neurons, and a factor of it follows their number (theory, 10). Where code has none, as with a
    temperature that is learned, there must be one that can.
    """
    for node in list(graph.nodes):
        if not node.op.startswith("call_") or node.op == "call_module" or operation_name(node.target) not in PRODUCTS:
            continue
        if all(source.op != "get_attr" for source in node.all_input_nodes) and not _scaled(node):
            with graph.inserting_after(node):
                factor = graph.call_function(operator.mul, (node, 1.0))
            factor.meta = dict(node.meta)
            node.replace_all_uses_with(factor, delete_user_cb=lambda user, own=factor: user is not own)


def _scaled(node: fx.Node) -> bool:
    """Whether the one use of a value multiplies or divides it by a number written in the code."""
    user = next(iter(node.users), None)
    if user is None or len(node.users) > 1 or user.op not in ("call_function", "call_method"):
        return False
    return operation_name(user.target) in ("mul", "div", "truediv") and any(
        isinstance(a, int | float) for a in user.args
    )
