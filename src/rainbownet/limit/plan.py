"""Which part of a network becomes a layer of infinite width: from what writes a population to its non-linearity.

A value of the traced network is either *plain* (an input, or channels of the reference), *white* (the coordinates of a
population, see `coordinates`), or what a layer of infinite width returned. White values may pass through whatever is
linear and acts channel by channel, and be added to each other: the coordinates of a joint neuron along a linear stream.
"""

import warnings
from collections.abc import Collection
from dataclasses import dataclass, field

from torch import fx, nn

from rainbownet.errors import RainbowWarning, UnsupportedOp
from rainbownet.graph import Network, Population
from rainbownet.graph.rules.table import operation_name
from rainbownet.limit.activation import is_pointwise, operation

_LINEAR_NAMES = ("AvgPool", "AdaptiveAvgPool", "ZeroPad", "Dropout", "AlphaDropout", "Identity", "Upsample", "Flatten")
_LINEAR = {
    *(f"{kind}{d}d" for kind in ("avg_pool", "adaptive_avg_pool", "dropout") for d in (1, 2, 3)),
    *("dropout", "contiguous", "clone", "detach", "to", "float", "identity", "add", "sub", "mean", "sum"),
    *("flatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "movedim", "pad", "cat", "getitem"),
}
_SHAPES = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "movedim", "cat", "getitem"}
_SHAPES |= {"mean", "sum", "pad"}
"""Linear operations that may move the axis of the channels or tell them apart: only reference channels go through."""


@dataclass
class LayerPlan:
    """One layer of infinite width.

    Attributes:
        name: Name of the layer that writes its pre-activation last.
        population: Name of the population.
        source: Node whose value is white.
        node: The non-linearity, or None where a linear layer follows without one.
        dim: Axis of the channels of the white value.
        channels: Number of neurons of the reference.
        readers: Without non-linearity: the nodes that read the value.
    """

    name: str
    population: str
    source: fx.Node
    node: fx.Node | None
    dim: int
    channels: int
    readers: list[fx.Node] = field(default_factory=list)


@dataclass(frozen=True)
class _White:
    population: str
    writer: str
    dim: int


_RETURNED = "returned"


def preactivation(network: Network, population: Population, folded: Collection[str]) -> list[str]:
    """Return the parameters of a population that come before its non-linearity.

    Args:
        network: The reference.
        population: The population.
        folded: Names of the norms that are folded into the layer before them.

    Raises:
        UnsupportedOp: If the population has no limit that is known, naming the parameter in the way.
    """
    layers = [name.rpartition(".")[0] for name in population.writers]
    norms = {norm.name for norm in network.norms}
    names = []
    for name, entries in population.slots.items():
        owner = name.rpartition(".")[0]
        if name in population.writers:
            _check_writer(network, population, name, entries.shape)
        elif owner not in norms and (owner not in layers or not name.endswith("bias")):
            raise _no_limit(
                population, f"parameter {name!r} belongs to its neurons and acts after the layer that writes them"
            )
        if owner not in norms or owner in folded:
            names.append(name)
    return names


def _check_writer(network: Network, population: Population, name: str, shape: tuple[int, ...]) -> None:
    parameter = network.propagation.parameters[name]
    groups = 1 if parameter.read is None else parameter.read.groups
    if groups > 1:
        raise _no_limit(population, f"layer {name!r} has {groups} groups")
    if shape != (parameter.shape[population.axes[name]], 1):
        raise _no_limit(
            population, f"its {shape[0]} neurons are a part of {name!r} (a zero-padded shortcut, or groups)"
        )
    if network.parameters[name].is_complex():
        raise _no_limit(population, f"{name!r} is complex")


def _no_limit(population: Population, why: str) -> UnsupportedOp:
    return UnsupportedOp(
        f"population {population.name!r} has no limit that is known: {why}; leave it as it is trained with "
        "layers=[...], prefixes of the others, or draw a wide sample instead"
    )


def plan_layers(network: Network, populations: Collection[str], folded: Collection[str]) -> list[LayerPlan]:
    """Find the layers of infinite width of a network.

    Args:
        network: The reference.
        populations: Names of the populations that go to the limit.
        folded: Names of the norms that are folded.

    Returns:
        The layers, in order of execution.

    Raises:
        UnsupportedOp: If an operation between a layer and its non-linearity is not linear and channel by channel, or a
            white value is added to one that is not (a residual stream with a non-linearity in it).
    """
    return _Planner(network, populations, folded).plans


class _Planner:
    def __init__(self, network: Network, populations: Collection[str], folded: Collection[str]) -> None:
        self.network, self.folded = network, folded
        self.members = {p.name: p for p in network.populations if p.name in populations}
        self.writes = {name: p for p in self.members.values() for name in p.writers}
        self.reads = {p.read.node for p in network.propagation.parameters.values() if p.read is not None}
        self.plans: list[LayerPlan] = []
        self.state: dict[fx.Node, _White | str | None] = {}
        for node in network.traced.graph.nodes:
            self.state[node] = self._visit(node)

    def _visit(self, node: fx.Node) -> _White | str | None:
        written = [name for name in self._parameters(node) if name in self.writes]
        white = [n for n in node.all_input_nodes if isinstance(self.state[n], _White)]
        returned = any(self.state[n] == _RETURNED for n in node.all_input_nodes)
        reads = bool(written) or node in self.reads or node.op == "output"
        if white and (reads or operation_name(self._what(node)) in _SHAPES or isinstance(self._what(node), nn.Flatten)):
            self._end_without_activation(white[0], node)
            white, returned = white[1:], True
        if written:
            return self._written(node, written[0])
        if reads:
            return None
        if white:
            return self._pass_white(node, white, returned)
        if returned and isinstance(self.network.propagation.shapes[node], tuple):
            self._warn_unless_linear(node)
            return _RETURNED
        return None

    def _written(self, node: fx.Node, name: str) -> _White:
        population = self.writes[name]
        read = self.network.propagation.parameters[name].read
        assert read is not None
        ndim = len(self.network.propagation.shapes[node])
        return _White(
            population.name, name.rpartition(".")[0] or name, read.dim - ndim if read.dim == ndim - 1 else read.dim
        )

    def _pass_white(self, node: fx.Node, white: list[fx.Node], returned: bool) -> _White | str:
        states = [self.state[n] for n in white]
        first = states[-1]
        assert isinstance(first, _White)
        norm = self.network.propagation.norms.get(node)
        others = [n for n in node.all_input_nodes if n not in white]
        if norm is not None:
            if norm.name in self.folded:
                return first
            raise self._unsupported(
                node,
                "a batch norm before a non-linearity must be folded (norms='folded', affine, with running statistics, "
                "right after one layer): the variance it divides by differs from neuron to neuron",
            )
        if operation_name(self._what(node)) in ("add", "sub") and len(node.all_input_nodes) > 1:
            if returned or others or node.kwargs or len({(s.population, s.dim) for s in states}) > 1:  # type: ignore[union-attr]
                raise self._unsupported(
                    node,
                    "it adds to a pre-activation what has been through a non-linearity, and the sum is not Gaussian; "
                    "only linear streams have a known limit",
                )
            return first
        if len(white) == 1 and not others:
            if _is_linear(self._what(node)):
                return first
            if is_pointwise(operation(self.network.traced, node)):
                self._add(white[0], node)
                return _RETURNED
        raise self._unsupported(
            node,
            "between a layer and its non-linearity only linear operations that act channel by channel are known",
        )

    def _add(self, source: fx.Node, node: fx.Node | None) -> LayerPlan:
        state = self.state[source]
        assert isinstance(state, _White)
        taken = sum(plan.name == state.writer or plan.name.startswith(f"{state.writer}#") for plan in self.plans)
        name = f"{state.writer}#{taken}" if taken else state.writer
        size = len(self.members[state.population])
        self.plans.append(LayerPlan(name, state.population, source, node, state.dim, size))
        return self.plans[-1]

    def _end_without_activation(self, source: fx.Node, reader: fx.Node) -> None:
        known = next((plan for plan in self.plans if plan.source is source and plan.node is None), None)
        (known or self._add(source, None)).readers.append(reader)

    def _warn_unless_linear(self, node: fx.Node) -> None:
        linear = _is_linear(self._what(node)) or node in self.network.propagation.norms
        if not linear and operation_name(self._what(node)) not in ("mul", "div", "truediv"):
            warnings.warn(
                f"layer {self.network.propagation.module_path(node)!r} ({node.name}) is not linear and acts on a layer "
                "of infinite width: it is applied to the reference's channels, and samples do not tend to exactly that",
                RainbowWarning,
                stacklevel=5,
            )

    def _what(self, node: fx.Node) -> object:
        return self.network.modules[str(node.target)] if node.op == "call_module" else node.target

    def _parameters(self, node: fx.Node) -> list[str]:
        if node.op == "call_module":
            names = self.network.modules[str(node.target)].named_parameters()
            return [f"{node.target}.{leaf}" for leaf, _ in names]
        return [str(n.target) for n in node.all_input_nodes if n.op == "get_attr"]

    def _unsupported(self, node: fx.Node, why: str) -> UnsupportedOp:
        return self.network.propagation.unsupported(
            node, f"{why}; leave the population as it is trained with layers=[...], prefixes of the others"
        )


def _is_linear(what: object) -> bool:
    if isinstance(what, nn.Module):
        return type(what).__name__.startswith(_LINEAR_NAMES) or type(what).__name__.startswith("Unflatten")
    return operation_name(what) in _LINEAR
