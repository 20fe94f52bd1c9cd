"""The table of rules: for each supported operation, how channels pass through it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import fx, nn

if TYPE_CHECKING:
    from rainbownet.graph.propagate import Propagation

Rule = Callable[["Propagation", fx.Node], Any]
"""A rule takes the propagation and a node and returns the labels of the node's value."""

MODULES: dict[type[nn.Module], Rule] = {}
OPERATIONS: dict[str, Rule] = {}
"""Functions and tensor methods, by short name; functions from outside torch by their qualified name."""
_LEAVES: list[type[nn.Module]] = []


def register(*targets: type[nn.Module] | str, leaf: bool = False) -> Callable[[Rule], Rule]:
    """Decorate a rule with the operations it serves.

    Args:
        targets: Module classes, names of torch functions and tensor methods such as ``"flatten"``, or qualified names
            of other functions such as ``"mypackage.ops.shift"``.
        leaf: Whether the module classes are to be kept whole by the tracer instead of being traced through.

    Returns:
        A decorator that returns the rule unchanged.
    """

    def decorate(rule: Rule) -> Rule:
        for target in targets:
            if isinstance(target, str):
                OPERATIONS[target] = rule
            else:
                MODULES[target] = rule
                if leaf:
                    _LEAVES.append(target)
        return rule

    return decorate


def leaf_modules() -> tuple[type[nn.Module], ...]:
    """Return the module classes registered as leaves."""
    return tuple(_LEAVES)


def operation_name(target: Any) -> str:
    """Return the name under which a function or a tensor method is looked up.

    Example:
        >>> import operator, torch
        >>> operation_name(torch.flatten), operation_name(operator.add), operation_name("view")
        ('flatten', 'add', 'view')
    """
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", str(target))
    module = getattr(target, "__module__", None) or "torch"
    return name if module.split(".")[0] in {"torch", "_operator", "builtins", "math"} else f"{module}.{name}"


def find_rule(node: fx.Node, modules: Mapping[str, nn.Module]) -> Rule | None:
    """Return the rule of a node, or nothing where the table has none."""
    if node.op == "call_module":
        for cls in type(modules[str(node.target)]).__mro__:
            if cls in MODULES:
                return MODULES[cls]
        return None
    return OPERATIONS.get(operation_name(node.target))
