"""Contractions: sums of products of two activations over their channels, as attention's scores (theory, 10)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, fx

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.declared import Count, Kept
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.parts import several
from rainbownet.graph.rules.linear import matmul as matmul_parameter
from rainbownet.graph.rules.table import register
from rainbownet.graph.ties import Ids

SAME_ENTRIES = {
    "view",
    "reshape",
    "transpose",
    "permute",
    "contiguous",
    "unflatten",
    "flatten",
    "unsqueeze",
    "swapaxes",
}
_TIMES, _OVER = {"mul", "multiply"}, {"div", "truediv", "true_divide"}


@register("matmul", "bmm", linear=True, contraction=True)
def matmul(p: Channels, node: fx.Node) -> Labels:
    """Read channels with a matrix of the network, or sum products of two activations over an axis."""
    a, b = _operand(node, 0, "input"), _operand(node, 1, "other", "mat2")
    if p.parameter_name(b) and not p.parameter_name(a):
        return matmul_parameter(p, node)
    (n, m), batch = (p.values[x].ndim for x in (a, b)), "abcdefgh"
    if min(n, m) < 2:
        raise p.unsupported(node, "a product with a vector is not known")
    deep = max(n, m) - 2
    return contract(
        p, node, a, b, f"{batch[deep - n + 2 : deep]}ik", f"{batch[deep - m + 2 : deep]}kj", f"{batch[:deep]}ij"
    )


@register("einsum", contraction=True)
def einsum(p: Channels, node: fx.Node) -> Labels:
    """Sum products of two activations over the one letter that the result does not have."""
    equation, *given = node.args
    operands: Any = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    text = str(equation).replace(" ", "")
    inputs, arrow, result = text.partition("->")
    letters = inputs.split(",")
    if not arrow or "." in text or len(operands) != 2 or any(p.parameter_name(x) for x in operands):
        raise p.unsupported(node, "only einsum of two activations, with -> and without dots, is known")
    return contract(p, node, operands[0], operands[1], letters[0], letters[1], result)


@register("baddbmm", contraction=True)
def baddbmm(p: Channels, node: fx.Node) -> Labels:
    """Add sums of products of two activations, with a factor of its own, to what is plain along their axes."""
    first = _operand(node, 0, "input")
    for label in p.labels_of(first):
        p.ties.freeze(label)
    a, b = _operand(node, 1, "batch1"), _operand(node, 2, "batch2")
    alpha = p.value(node.kwargs.get("alpha", node.args[4] if len(node.args) > 4 else 1))

    def follow(channels: Ids) -> None:
        def resized(count: Count) -> tuple[tuple, dict]:
            beta = node.kwargs.get("beta", node.args[3] if len(node.args) > 3 else 1)
            factors = {"beta": beta, "alpha": float(alpha) * len(channels) / count(channels)}
            return (first, a, b), factors

        p.rewrite(node, resized)

    return contract(p, node, a, b, "aik", "akj", "aij", follow)


def contract(
    p: Channels,
    node: fx.Node,
    a: fx.Node,
    b: fx.Node,
    of_a: str,
    of_b: str,
    of_result: str,
    follow: Callable[[Ids], None] | None = None,
) -> Labels:
    """Return the labels of a sum of products over the axis that the result does not have.

    Channels along that axis are summed over: channel i of one factor and channel i of the other are one neuron, and a
    constant factor of the sum follows their number. Channels of different entries of the axes that all three have
    (heads) differ in law.

    Args:
        p: The channels.
        node: The operation.
        a: One factor.
        b: The other.
        of_a: A letter for each axis of the one.
        of_b: And of the other.
        of_result: And of the result.
        follow: Lets a factor of the operation itself follow the number of channels; by default one beside it does.
    """
    summed = set(of_a) & set(of_b) - set(of_result)
    if len(summed) != 1 or set(of_a + of_b) - summed != set(of_result) or len(set(of_a)) < len(of_a):
        raise p.unsupported(node, "only a sum over one axis of two activations is known")
    over = summed.pop()
    shared = [letter for letter in of_result if letter in of_a and letter in of_b]
    factors, results = [], []
    meet_at_heads(p, node, (a, b), [[letters.index(c) for c in shared] for letters in (of_a, of_b)])
    for part, letters in ((a, of_a), (b, of_b)):
        labels = _live(p, part)
        factors.append([label for label in labels if label.shape[letters.index(over)] > 1])
        for label in labels:
            if label.shape[letters.index(over)] == 1:
                tag_heads(p, node, label, [letters.index(letter) for letter in shared])
                order = [letters.index(letter) for letter in of_result if letter in letters]
                moved = label.transpose([*order, letters.index(over)])[..., 0]
                sizes = iter(moved.shape)
                results.append(moved.reshape([next(sizes) if c in letters else 1 for c in of_result]))
    if not all(factors):  # one of them is plain
        for label in (*factors[0], *factors[1]):
            p.ties.freeze(label)
        return tuple(results)
    if len(factors[0]) > 1 or len(factors[1]) > 1:
        raise p.unsupported(node, "it sums over channels that are spread over several axes")
    pair = []
    for label, letters in ((factors[0][0], of_a), (factors[1][0], of_b)):
        if any(size > 1 for size, c in zip(label.shape, letters, strict=True) if c not in (*shared, over)):
            raise p.unsupported(node, "it sums over channels that are spread over several axes")
        order = [letters.index(c) for c in (*shared, over)]
        rest = [i for i in range(label.ndim) if i not in order]
        pair.append(label.transpose([*order, *rest]).reshape([label.shape[i] for i in order]))
    sum_over(p, node, *pair)
    rows = [label.reshape(-1, label.shape[-1])[0] for label in pair]
    if follow is None:
        scale(p, node, (a, b), rows)
    else:
        follow(rows[0])
    return tuple(results)


def meet_at_heads(p: Channels, node: fx.Node, factors: tuple[fx.Node, fx.Node], axes: list[list[int]]) -> None:
    """Tie what lies along axes that both factors have, entry by entry; keep it where the other has nothing alike there.

    The heads of scores that a linear map wrote are no neurons to draw: each belongs to one head of the values.
    """
    found: list[dict[tuple[bool, ...], Ids]] = []
    for part, own in zip(factors, axes, strict=True):
        inside = [label for label in _live(p, part) if label.size == _size(label, own)]
        found.append({tuple(label.shape[axis] > 1 for axis in own): label for label in inside})
    for one, other in (found, found[::-1]):
        for along, label in one.items():
            if along in other:
                p.ties.tie(label.ravel(), other[along].ravel())
            else:
                why = "entries of an axis that both factors have (heads) keep number and order: kept as trained"
                p.freeze_late(Kept(node, str(p.unsupported(node, why)), label))


def sum_over(p: Channels, node: fx.Node, one: Ids, other: Ids) -> None:
    """Declare channels along the last axis of two labels to be summed over in pairs, apart for each other entry."""
    for label in (one, other):
        tag_heads(p, node, label, range(label.ndim - 1), "summed")
    p.ties.link(one, other)


def tag_heads(p: Channels, node: fx.Node, label: Ids, axes: Any, mark: str = "passed") -> None:
    """Tell channels at different entries along some axes apart: their neurons differ in law."""
    axes = [axis for axis in axes if label.shape[axis] > 1]
    if axes:
        heads = np.moveaxis(label, axes, range(len(axes))).reshape(-1, label.size // _size(label, axes))
        for i, head in enumerate(heads):
            p.ties.tag(head, (node.name, mark, i))


def _size(label: Ids, axes: list[int]) -> int:
    return math.prod(label.shape[axis] for axis in axes)


def scale(p: Channels, node: fx.Node, factors: tuple[fx.Node, ...], rows: list[Ids]) -> None:
    """Let the constant factor of a sum over channels follow their number.

    A sum of unit vectors' products, or one with weights that a softmax over these channels gives, is a mean already.

    Raises:
        UnsupportedOp: If there is none right before or after the sum.
    """
    pairs = list(zip(factors, rows, strict=True))
    if all(made_by(p, x, "normalize", own) for x, own in pairs) or any(
        made_by(p, x, "softmax", own) for x, own in pairs
    ):
        p.means_over(node, np.concatenate(rows))
        return
    channels = rows[0]
    found = _constant_after(p, node) or next((f for x in factors if (f := _constant_before(p, x, node))), None)
    if found is None or found[0] in p.rewrites:
        raise p.unsupported(
            node, "it sums over channels, and no constant factor stands by it that could follow their number"
        )
    scaled, position, value, power = found

    def resized(count: Count) -> tuple[tuple, dict]:
        args = list(scaled.args)
        args[position] = value * (len(channels) / count(channels)) ** power
        return tuple(args), dict(scaled.kwargs)

    p.rewrite(scaled, resized)


def made_by(p: Channels, source: fx.Node, name: str, channels: Ids) -> bool:
    """Whether a value is what an operation over the axis of these channels gives, its entries in whatever order."""
    while source.op.startswith("call_"):
        whole = source.op == "call_module"
        called = type(p.target(source)).__name__.lower() if whole else operation_name(source.target)
        if called == name:
            dim: Any = getattr(p.target(source), "dim", None) if whole else None
            dim = dim if whole else p.argument(source, 2 if name == "normalize" else 1, "dim", 1)
            return isinstance(dim, int) and any(_lies_along(label, dim, channels) for label in p.labels_of(source))
        tensors = [x for x in source.all_input_nodes if isinstance(p.values[x], Tensor) and p.values[x].ndim]
        if len(tensors) != 1 or called not in SAME_ENTRIES | {"dropout", "identity", "to"}:
            return False
        source = tensors[0]
    return False


def _lies_along(label: Ids, dim: int, channels: Ids) -> bool:
    rows = np.moveaxis(label, dim, -1).reshape(-1, label.shape[dim])
    return rows.shape[1] == len(channels) and bool((rows == channels).all(1).any())


def _constant_after(p: Channels, node: fx.Node) -> tuple[fx.Node, int, float, int] | None:
    return _constant(p, next(iter(node.users)), node) if len(node.users) == 1 else None


def _constant_before(p: Channels, source: fx.Node, user: fx.Node) -> tuple[fx.Node, int, float, int] | None:
    while len(source.users) == 1 and source.op.startswith("call_") and source.op != "call_module":
        tensors = [x for x in source.all_input_nodes if isinstance(p.values[x], Tensor) and p.values[x].ndim]
        if len(tensors) != 1:
            return None
        if found := _constant(p, source, tensors[0]):
            return found
        if operation_name(source.target) not in SAME_ENTRIES:
            return None
        source = tensors[0]
    return None


def _constant(p: Channels, node: fx.Node, source: fx.Node) -> tuple[fx.Node, int, float, int] | None:
    """Return a node that multiplies or divides a value by a constant, with its position, value and power."""
    name = operation_name(node.target) if node.op.startswith("call_") and node.op != "call_module" else ""
    if name not in _TIMES | _OVER or len(node.args) != 2 or source not in node.args:
        return None
    position = 1 - node.args.index(source)
    value = p.value(node.args[position])
    if isinstance(value, Tensor) and value.numel() == 1 and not _is_trained(p, node.args[position]):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (name in _OVER and position == 0):
        return None
    return node, position, float(value), 1 if name in _TIMES else -1


def _is_trained(p: Channels, item: Any) -> bool:
    return p.parameter_name(item) in dict(p.module.named_parameters())


@register("scaled_dot_product_attention", contraction=True)
def attention(p: Channels, node: fx.Node) -> Labels:
    """Sum queries times keys over their channels, per head; pass those of the values on."""
    query, key, value = (_operand(node, i, name) for i, name in enumerate(("query", "key", "value")))
    mask = p.argument(node, 3, "attn_mask")
    for label in p.labels_of(mask) if isinstance(mask, fx.Node) else ():
        p.ties.freeze(label)
    shared = p.values[query].shape[-3] // p.values[key].shape[-3] if p.argument(node, 7, "enable_gqa", False) else 1
    queries, keys = _rows(p, node, query, 1), _rows(p, node, key, shared)
    if queries is not None and keys is not None:
        channels = queries.reshape(-1, queries.shape[-1])[0]
        given = p.value(node.kwargs.get("scale"))
        trained = len(channels) ** -0.5 if given is None else float(given)
        sum_over(p, node, queries, keys)
        p.rewrite(
            node,
            lambda count: (node.args, {**node.kwargs, "scale": trained * len(channels) / count(channels)}),
        )
    else:
        for label in (queries, keys):
            if label is not None:
                p.ties.freeze(label)
    values = _rows(p, node, value, shared)
    if values is None:
        return ()
    values = values[..., None, :]
    tag_heads(p, node, values, range(values.ndim - 2))
    return (values,)


def _rows(p: Channels, node: fx.Node, source: fx.Node, repeats: int) -> Ids | None:
    """Return the channels of queries, keys or values along their last axis, without the axis of tokens."""
    labels = _live(p, source)
    if not labels:
        return None
    if len(labels) > 1 or labels[0].shape[-1] == 1 or labels[0].shape[-2] > 1:
        raise p.unsupported(node, "its queries, keys and values must have their channels along the last axis")
    rows = labels[0][..., 0, :]
    return np.repeat(rows, repeats, axis=-2) if repeats > 1 and rows.shape[-2] > 1 else rows


def _live(p: Channels, source: fx.Node) -> list[Ids]:
    return [label for label in several(p, source) if not p.is_frozen(label)]


def _operand(node: fx.Node, position: int, *names: str) -> fx.Node:
    if len(node.args) > position:
        return node.args[position]  # type: ignore[return-value]
    return next(node.kwargs[name] for name in names if name in node.kwargs)  # type: ignore[return-value]
