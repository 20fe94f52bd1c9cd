"""Whether two traced networks are of one architecture: the same operations, with the same arguments, in one order."""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from torch import fx, nn
from torch.fx.operator_schemas import normalize_function

from rainbownet.graph.nodes import called

_OTHER = " has another architecture: "
_PLAIN = (bool, int, float, str, tuple, list, type(None))
_FREE = {"self", "bias", "p", "inplace", "momentum", "device", "dtype"}
"""Arguments of modules that change nothing in evaluation mode, or are seen in the parameters."""


def first_difference(
    one: fx.GraphModule, other: fx.GraphModule, *, sized: Collection[fx.Node], attributes: Collection[tuple[str, str]]
) -> str | None:
    """Return the first difference of two traced networks but for widths, or nothing.

    Names of arguments and whether an operation is a function or a method make none: `torch.flatten(x, 1)` is
    `images.flatten(1)`.

    Args:
        one: The first network.
        other: The second.
        sized: Nodes of the first whose constants follow widths: these are not compared.
        attributes: Modules and their attributes that follow widths.

    Returns:
        What follows the name of the second network in a message.
    """
    a, b = list(one.graph.nodes), list(other.graph.nodes)
    modules = dict(one.named_modules()), dict(other.named_modules())
    places = {node: i for i, node in enumerate(a)}, {node: i for i, node in enumerate(b)}
    for x, y in zip(a, b, strict=False):
        mine, its = _what(x, modules[0]), _what(y, modules[1])
        if mine != its and x.op == y.op == "call_module" and x.target == y.target:
            return f": layer {y.target!r} is a {called(y, modules[1])}, in the first network a {called(x, modules[0])}"
        if mine != its:
            return f"{_OTHER}its operation {y.name!r} ({its}) stands where the first network has {x.name!r} ({mine})"
        sources = _sources(x, places[0]), _sources(y, places[1])
        fewer, more = sorted(map(set, sources), key=len)
        if not fewer <= more if x in sized else sources[0] != sources[1]:  # a computed size may stand as a constant
            return f"{_OTHER}its operation {y.name!r} ({its}) acts on other values than in the first network"
    if len(a) != len(b):
        return f"{_OTHER}{len(b)} operations instead of {len(a)}"
    for x, y in zip(a, b, strict=True):
        if x not in sized and not _same_arguments(x, y, places):
            what = called(y, modules[1])
            return f": {y.name!r} ({what}) has the arguments {_shown(y)}, in the first network {_shown(x)}"
        if x.op == "call_module":
            for key, value in _settings(modules[0][str(x.target)]).items():
                own = getattr(modules[1][str(y.target)], key, None)
                if (str(x.target), key) not in attributes and own != value:
                    return f": layer {y.target!r} has {key}={own}, in the first network {value}"
    return None


def _what(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    """Return what a node does, functions and methods of one name alike."""
    if node.op in ("placeholder", "output"):
        return node.op
    if node.op == "get_attr":
        return f"parameter {node.target}"
    if node.op == "call_module":
        return f"{called(node, modules)} {str(node.target)!r}"
    return called(node, modules)


def _sources(node: fx.Node, places: Mapping[fx.Node, int]) -> list[int]:
    return [places[source] for source in node.all_input_nodes]


def _same_arguments(x: fx.Node, y: fx.Node, places: tuple[Mapping[fx.Node, int], Mapping[fx.Node, int]]) -> bool:
    if x.op in ("placeholder", "call_module"):
        return True
    plain = [_numbered((n.args, dict(n.kwargs)), p) for n, p in zip((x, y), places, strict=True)]
    if plain[0] == plain[1]:
        return True
    named = [_by_name(n) for n in (x, y)]
    return None not in named and _numbered(named[0], places[0]) == _numbered(named[1], places[1])


def _by_name(node: fx.Node) -> Any:
    """Return the arguments of a function of torch by name, where its signature is known without their types."""
    if node.op != "call_function" or not callable(node.target):
        return None
    found = normalize_function(node.target, node.args, dict(node.kwargs), normalize_to_only_use_kwargs=True)
    return None if found is None else found.kwargs


def _numbered(value: Any, places: Mapping[fx.Node, int]) -> Any:
    return fx.map_arg(value, lambda node: f"node {places[node]}")


def _settings(module: nn.Module) -> dict[str, Any]:
    names = set(inspect.signature(type(module).__init__).parameters) - _FREE
    found = {name: getattr(module, name) for name in sorted(names) if hasattr(module, name)}
    return {name: value for name, value in found.items() if isinstance(value, _PLAIN)}


def _shown(node: fx.Node) -> str:
    constants = [str(a) for a in node.args if not isinstance(a, fx.Node)]
    named = [f"{key}={value}" for key, value in node.kwargs.items() if not isinstance(value, fx.Node)]
    return f"({', '.join(constants + named)})"
