"""The graph of a limit network: that of the reference with layers of infinite width in place of its non-linearities."""

import copy
from collections.abc import Callable, Sequence

from torch import fx, nn

from rainbownet.limit.plan import LayerPlan

FOLDER = "limit_layers"
"""Module of the traced network that holds its layers of infinite width."""


def key(plan: LayerPlan) -> str:
    """Return the name of a layer as a submodule of the folder, dots replaced."""
    return plan.name.replace(".", "__").replace("#", "__")


def with_layers(
    root: nn.Module,
    graph: fx.Graph,
    plans: Sequence[LayerPlan],
    layers: Sequence[nn.Module],
    *,
    parts: Sequence[str] = (),
) -> fx.GraphModule:
    """Return a copy of a traced network with layers put in place of non-linearities.

    Args:
        root: The modules and parameters of the new network; they are copied.
        graph: The graph the plans were made for.
        plans: Where.
        layers: A module for each plan.
        parts: Submodules of a layer that are called one after the other, as nodes of their own; none to call the layer.

    Returns:
        The new network; layers are its submodules `limit_layers.<key>`.
    """
    root = copy.deepcopy(root)
    folder = nn.Module()
    for plan, layer in zip(plans, layers, strict=True):
        folder.add_module(key(plan), layer)
    root.add_module(FOLDER, folder)
    ours = {plan.nodes[-1]: plan for plan in plans if plan.nodes}
    inner = {node for plan in plans for node in plan.nodes[:-1]}
    linear = {plan.source: plan for plan in plans if not plan.nodes}
    new = fx.Graph()
    values: dict[fx.Node, fx.Node] = {}
    ends: dict[tuple[fx.Node, fx.Node], fx.Node] = {}
    for node in graph.nodes:
        if node in inner:
            continue
        if node in ours:
            values[node] = _call(new, ours[node], values[ours[node].source], parts)
            continue
        values[node] = new.node_copy(node, _resolve(node, values, ends))
        if node in linear:
            end = _call(new, linear[node], values[node], parts)
            ends |= {(node, reader): end for reader in linear[node].readers}
    used = fx.GraphModule(root, new)
    return used.eval().requires_grad_(False)


def _resolve(
    node: fx.Node, values: dict[fx.Node, fx.Node], ends: dict[tuple[fx.Node, fx.Node], fx.Node]
) -> Callable[[fx.Node], fx.Node]:
    return lambda source: ends.get((source, node), values[source])


def _call(graph: fx.Graph, plan: LayerPlan, z: fx.Node, parts: Sequence[str]) -> fx.Node:
    path = f"{FOLDER}.{key(plan)}"
    if not parts:
        return graph.call_module(path, (z,))
    for part in parts:
        z = graph.call_module(f"{path}.{part}", (z,))
    return z
