"""The table of operations: how channels pass through each, and what kind of function it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from rainbownet.checks import shown
from rainbownet.errors import ArchitectureError
from rainbownet.graph.channels import Channels
from rainbownet.graph.nodes import operation_name

Rule = Callable[[Channels, fx.Node], Any]
"""A rule takes the channels known so far and a node, and returns the labels of the node's value."""


@dataclass(frozen=True)
class Operation:
    """An entry of the table.

    Attributes:
        rule: How channels pass through.
        channelwise: Whether it acts on every channel by itself and alike, whatever the channels are.
        linear: Whether it is linear in its tensors together.
        pointwise: Whether it acts entry by entry on its one tensor.
        contraction: Whether it sums products of two activations over their channels.
        leaf: Whether a module is kept whole by the tracer.
    """

    rule: Rule
    channelwise: bool = False
    linear: bool = False
    pointwise: bool = False
    contraction: bool = False
    leaf: bool = False


MODULES: dict[type[nn.Module], Operation] = {}
OPERATIONS: dict[str, Operation] = {}
"""Functions and tensor methods, by short name; functions from outside torch by their qualified name."""


def register(
    *targets: type[nn.Module] | str,
    channelwise: bool = False,
    linear: bool = False,
    pointwise: bool = False,
    contraction: bool = False,
    leaf: bool = False,
) -> Callable[[Rule], Rule]:
    """Decorate a rule with the operations it serves, and say what they are; a later entry replaces an earlier.

    Args:
        targets: Module classes, names of torch functions and tensor methods such as ``"flatten"``, or qualified names
            of other functions such as ``"mypackage.ops.shift"``.
        channelwise: Whether they act on every channel by itself and alike. A limit of infinite width may be taken
            through what is channelwise and linear.
        linear: Whether they are linear.
        pointwise: Whether they act entry by entry on one tensor. What has no rule is tried.
        contraction: Whether they sum products of two activations over their channels.
        leaf: Whether the module classes are to be kept whole by the tracer instead of being traced through.

    Returns:
        A decorator that returns the rule unchanged.

    Example:
        >>> class Double(nn.Module):
        ...     def forward(self, x): return 2 * x
        >>> @register(Double, channelwise=True, linear=True, leaf=True)
        ... def double(channels, node):
        ...     return channels.labels_of(node.args[0])
        >>> Double in leaf_modules()
        True
    """
    for target in targets:
        if not isinstance(target, str) and not (isinstance(target, type) and issubclass(target, nn.Module)):
            raise ArchitectureError(f"target is {shown(target)}; a module class or the name of a function is needed")

    def decorate(rule: Rule) -> Rule:
        entry = Operation(rule, channelwise, linear, pointwise, contraction, leaf)
        for target in targets:
            if isinstance(target, str):
                OPERATIONS[target] = entry
            else:
                MODULES[target] = entry
        return rule

    return decorate


def leaf_modules() -> tuple[type[nn.Module], ...]:
    """Return the module classes registered as leaves."""
    return tuple(cls for cls, entry in MODULES.items() if entry.leaf)


def find_operation(node: fx.Node, modules: Mapping[str, nn.Module]) -> Operation | None:
    """Return the entry of what a node calls, or nothing where the table has none."""
    if node.op == "call_module":
        for cls in type(modules[str(node.target)]).__mro__:
            if cls in MODULES:
                return MODULES[cls]
        return None
    return OPERATIONS.get(operation_name(node.target)) if node.op.startswith("call_") else None
