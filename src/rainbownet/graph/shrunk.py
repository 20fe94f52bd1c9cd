"""Entries that become smaller as channels become more: what a softmax or a division by a length over channels gives."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor, fx

from rainbownet.graph.channels import Channels, flat_labels
from rainbownet.graph.declared import Kept
from rainbownet.graph.nodes import called
from rainbownet.graph.rules.contract import SAME_ENTRIES
from rainbownet.graph.ties import Ids, Solved

_SOFTMAX = {"softmax", "log_softmax", "softmax2d", "logsoftmax"}
_SCALED = {"mul", "multiply", "neg", "sum", "mean", "dropout", "identity", "to", "float", "contiguous"}
_OVER = {"div", "truediv", "true_divide"}
_CONTRACTIONS = {"matmul", "bmm", "einsum"}


def shrunk(channels: Channels, solved: Solved) -> Iterator[Kept]:
    """Find drawn channels whose entries shrink, where more is done with them than products, linear maps and means.

    With twice as many channels each entry of a unit vector is smaller by √2. A linear map that reads it makes up for
    that; a sum with something else, or a non-linearity, does not.
    """
    for node in channels.module.graph.nodes:
        for ids in _over_channels(channels, solved, node):
            if misuse := _misuse(channels, node, node, ids):
                why = (
                    f"its entries shrink with the number of channels, and {called(misuse, channels.modules)!r} of them"
                )
                yield Kept(node, str(channels.unsupported(node, f"{why} ({misuse.name}) would depend on it")), ids)


def _over_channels(channels: Channels, solved: Solved, node: fx.Node) -> Iterator[Ids]:
    """Yield the drawn channels over which a node is a softmax or divides by a length."""
    name = called(node, channels.modules).lower() if node.op.startswith("call_") else ""
    value = channels.values[node]
    if name not in {*_SOFTMAX, "normalize"} or not isinstance(value, Tensor):
        return
    module = channels.target(node) if node.op == "call_module" else None
    dim = channels.argument(node, 2, "dim", 1) if name == "normalize" else channels.argument(node, 1, "dim")
    dim = dim if module is None else -3 if name == "softmax2d" else module.dim
    for label in channels.labels_of(node):
        if not isinstance(dim, int) or label.shape[dim] > 1:
            rows = solved.neuron[np.moveaxis(label, dim if isinstance(dim, int) else -1, -1)]
            several = (rows != rows[..., :1]).any()  # else its entries are paths or pieces of the same neurons
            if several and not solved.frozen[rows].all():
                yield np.ravel(label)


def _misuse(channels: Channels, made: fx.Node, node: fx.Node, ids: Ids) -> fx.Node | None:
    """Return an operation that sees entries of a value as they are, if there is one."""
    for user in node.users:
        value, name = channels.values.get(user), called(user, channels.modules).lower()
        if user.op.startswith("call_") and not isinstance(value, (Tensor, tuple, list)):
            continue
        if "log" in called(made, channels.modules).lower():
            return user
        if _reads(channels, user, node):
            continue
        if name in _CONTRACTIONS and _is_mean(channels, user, ids):
            continue
        scaled = name in _SCALED | SAME_ENTRIES or (name in _OVER and user.args[0] is node)
        labelled = [np.ravel(label) for label in flat_labels(channels.labels.get(user, ()))]
        if not scaled or not any(np.isin(ids, own).any() for own in labelled):
            return user
        if found := _misuse(channels, made, user, ids):
            return found
    return None


def _reads(channels: Channels, user: fx.Node, source: fx.Node) -> bool:
    reads = (known.read for known in channels.parameters.values() if known.read is not None)
    return any(read.node is user and read.source is source for read in reads)


def _is_mean(channels: Channels, contraction: fx.Node, ids: Ids) -> bool:
    return any(node is contraction and np.isin(summed, ids).any() for node, summed in channels.means)
