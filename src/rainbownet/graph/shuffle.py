"""Shuffles of channels, written out as one selection by an index that follows the widths (ShuffleNet)."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from rainbownet.graph.exported import CONSTANT
from rainbownet.graph.nodes import evaluate, operation_name

_MOVES = {"view", "reshape", "flatten", "unflatten", "transpose", "permute", "swapaxes", "contiguous", "clone"}


def with_selections(root: nn.Module, graph: fx.Graph, values: Mapping[fx.Node, Any]) -> None:
    """Let reshapes and transpositions that only move the channels of feature maps select them instead, in place.

    Groups of another size would move other channels: at other widths the copies of a neuron go where it goes.

    Args:
        root: The module that is traced; indices become buffers of it.
        graph: Its graph.
        values: The value of each node on an example.
    """
    modules = dict(root.named_modules())
    used = {str(node.target) for node in graph.nodes if node.op == "get_attr"}
    for node in list(graph.nodes):
        found = _shuffle(root, node, values, modules)
        if found is not None:
            source, order = found
            name = _buffer(root, order, used)
            used.add(name)
            with graph.inserting_before(node):
                made = graph.call_function(torch.index_select, (source, 1, graph.get_attr(name)))
            made.meta = dict(node.meta)
            node.replace_all_uses_with(made)
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op.startswith("call_") and node.op != "call_module" and _moves(node):
            graph.erase_node(node)


def _buffer(root: nn.Module, order: Tensor, used: Collection[str]) -> str:
    """Return the name of a buffer with an order: one that an earlier trace left and no node uses, or a new one."""
    number = 0
    while hasattr(root, name := f"{CONSTANT}{number}"):
        left, ours = getattr(root, name), name in root._non_persistent_buffers_set
        if ours and name not in used and left.dtype == order.dtype and torch.equal(left, order):
            return name
        number += 1
    root.register_buffer(name, order, persistent=False)
    return name


def _moves(node: fx.Node) -> bool:
    return node.op in ("call_function", "call_method") and operation_name(node.target) in _MOVES


def _shuffle(
    root: nn.Module, node: fx.Node, values: Mapping[fx.Node, Any], modules: Mapping[str, nn.Module]
) -> tuple[fx.Node, Tensor] | None:
    """Return the feature maps whose channels a node has in another order, and that order, if that is all it does."""
    result = values.get(node)
    whole = node.op == "call_module" and isinstance(modules[str(node.target)], nn.ChannelShuffle)
    if not isinstance(result, Tensor) or result.ndim < 4 or not (whole or _moves(node)):
        return None
    chain, source = [node], node.all_input_nodes[0]
    while not whole and _moves(source) and source in values and values[source].shape != result.shape:
        chain.append(source)
        source = source.all_input_nodes[0]
    value = values.get(source)
    if not isinstance(value, Tensor) or value.shape != result.shape:
        return None
    before = torch.arange(result.numel()).reshape(result.shape)
    env = {**values, source: before}
    for step in reversed(chain):
        env[step] = evaluate(root, step, env, modules)
    positions = result[0, 0].numel()
    order = env[node].select(0, 0).flatten(1)[:, 0] // positions
    shuffled = not torch.equal(order, torch.arange(len(order))) and order.max() < len(order)
    return (source, order) if shuffled and torch.equal(before.index_select(1, order), env[node]) else None
