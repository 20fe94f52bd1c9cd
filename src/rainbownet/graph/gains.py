"""Scales and offsets of layer norms, folded into the layers that read them: the same function (theory, 10)."""

from typing import Any

import torch
from torch import fx, nn

from rainbownet.graph.network import Network
from rainbownet.graph.nodes import operation_name

_PASSES = {"mean", "dropout", "getitem", "contiguous", "identity"}
"""Operations that a constant passes through, and that act alike on every channel where they leave the last axis."""

_SIZES = {"shape", "ndim", "dtype", "device"}
"""Attributes of a tensor that hold none of its numbers."""


def folded_gains(network: Network) -> Network:
    """Return a network of the same function whose layer norms have scale 1 and offset 0.

    ``W (γ ⊙ x̂ + β) + b`` becomes ``(W diag γ) x̂ + (b + W β)``. A norm that something else reads than linear layers, or
    an offset where a layer has no bias, stays as it is.

    Args:
        network: The network; it is copied.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2))
        >>> _ = nn.init.constant_(net[1].weight, 2.0)
        >>> folded = folded_gains(Network(net, torch.zeros(2, 4)))
        >>> folded.parameters["1.weight"].unique().tolist()
        [1.0]
        >>> torch.allclose(folded.parameters["2.weight"], 2 * net[2].weight)
        True
    """
    result = network.like(network.example)
    values = result.parameters
    with torch.no_grad():
        for node in network.traced.graph.nodes:
            norm: Any = network.modules.get(str(node.target)) if node.op == "call_module" else None
            if not isinstance(norm, (nn.LayerNorm, nn.RMSNorm)) or norm.weight is None or not _is_alone(node):
                continue
            layers = _readers(network, node, node)
            offset = getattr(norm, "bias", None)
            if not layers or (offset is not None and offset.any() and not all(f"{n}.bias" in values for n in layers)):
                continue
            for name in layers:
                weight = values[f"{name}.weight"]
                if offset is not None and f"{name}.bias" in values:
                    values[f"{name}.bias"] += weight @ offset
                weight *= norm.weight
            values[f"{node.target}.weight"].fill_(1.0)
            if offset is not None:
                values[f"{node.target}.bias"].zero_()
    return result


def _readers(network: Network, norm: fx.Node, node: fx.Node) -> list[str] | None:
    """Return the linear layers that read a node and what it passes on to, None if something else does."""
    found: list[str] = []
    for user in node.users:
        module = network.modules.get(str(user.target)) if user.op == "call_module" else None
        if isinstance(module, nn.Linear):
            if not _is_alone(user):
                return None
            found.append(str(user.target))
        elif _asks_size(user):
            continue
        elif _passes(network, norm, user, module) and (more := _readers(network, norm, user)):
            found += more
        else:
            return None
    return found


def _passes(network: Network, norm: fx.Node, node: fx.Node, module: nn.Module | None) -> bool:
    """Whether channels of a norm stay along the last axis, one by one and alike, constants unchanged."""
    if module is not None:
        return isinstance(module, (nn.Identity, nn.Dropout))
    if not node.op.startswith("call_") or operation_name(node.target) not in _PASSES:
        return False
    if operation_name(node.target) == "mean":
        dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        rank = len(network.shapes[node.all_input_nodes[0]])
        dims = [dims] if isinstance(dims, int) else dims
        return isinstance(dims, (list, tuple)) and all(isinstance(d, int) and d % rank != rank - 1 for d in dims)
    before, after = (tuple(network.shapes[n]) for n in (norm, node))
    return before[-1] == after[-1] and len(node.all_input_nodes) == 1


def _asks_size(node: fx.Node) -> bool:
    name = operation_name(node.target) if node.op.startswith("call_") else ""
    return name in ("size", "dim", "len") or (name == "getattr" and node.args[1] in _SIZES)


def _is_alone(node: fx.Node) -> bool:
    """Whether a module is called here only."""
    return sum(other.op == "call_module" and other.target == node.target for other in node.graph.nodes) == 1
