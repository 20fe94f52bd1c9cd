"""Neurons that are only summed over: no non-linearity sees them, but for layer norms of some (theory, 10)."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, fx, nn

from rainbownet.graph.channels import Channels, flat_labels
from rainbownet.graph.nodes import operation_name
from rainbownet.graph.population import Owners, Population
from rainbownet.graph.rules.table import find_operation
from rainbownet.graph.ties import Solved


def summed_populations(
    channels: Channels, solved: Solved, populations: Sequence[Population], owners: Owners, *, norms: bool = False
) -> frozenset[str]:
    """Return the names of the drawn populations that only linear maps and products of two activations see.

    Args:
        channels: The channels of all values.
        solved: Their classes.
        populations: The populations.
        owners: Where each neuron is found.
        norms: Whether layer norms over channels may see them as well.
    """
    seen = np.zeros(len(populations) + 1, dtype=bool)
    for node in channels.module.graph.nodes:
        if norms and isinstance(channels.modules.get(str(node.target)), (nn.LayerNorm, nn.RMSNorm)):
            continue
        if node.op.startswith("call_") and not _is_linear(channels, node):
            for source in node.all_input_nodes:
                for label in flat_labels(channels.labels[source]):
                    seen[owners.population[solved.neuron[np.ravel(label)]]] = True
    return frozenset(p.name for p, own in zip(populations, seen, strict=False) if not (own or p.frozen))


def _is_linear(channels: Channels, node: fx.Node) -> bool:
    """Whether a node is linear in each of the tensors it takes, or asks for their sizes only."""
    value = channels.values[node]
    if not any(isinstance(part, Tensor) for part in (value if isinstance(value, (tuple, list)) else [value])):
        return True
    operation = find_operation(node, channels.modules)
    if operation is not None and (operation.linear or operation.contraction):
        return True
    tensors = [n for n in node.all_input_nodes if isinstance(channels.values[n], Tensor) and channels.values[n].ndim]
    if node.op == "call_module" or len(tensors) != 1:
        return not tensors
    name = operation_name(node.target)
    return name in ("mul", "multiply", "neg") or (
        name in ("div", "truediv", "true_divide") and node.args[0] is tensors[0]
    )
