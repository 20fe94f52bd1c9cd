"""Which part of a network becomes a layer of infinite width: from what writes a population to its non-linearity.

A value of the traced network is either *plain* (an input, or channels of the reference), *white* (the coordinates of a
population, see `coordinates`), or what a layer of infinite width returned. White values may pass through whatever is
linear and acts channel by channel, and be added to each other: the coordinates of a joint neuron along a linear stream.
"""

import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from torch import fx

from rainbownet.errors import RainbowWarning, UnsupportedOp
from rainbownet.graph import Network, Population
from rainbownet.graph.nodes import called, module_path
from rainbownet.graph.pointwise import is_pointwise
from rainbownet.limit.activation import operation

_SCALES = ("mul", "div", "truediv", "true_divide")


@dataclass
class LayerPlan:
    """One layer of infinite width.

    Attributes:
        name: Name of the layer that writes its pre-activation last.
        population: Name of the population.
        source: Node whose value is white.
        nodes: The non-linearity, one operation after another; empty where a linear layer follows without one.
        dim: Axis of the channels of the white value.
        channels: Number of neurons of the reference.
        readers: Without non-linearity: the nodes that read the value.
    """

    name: str
    population: str
    source: fx.Node
    nodes: list[fx.Node]
    dim: int
    channels: int
    readers: list[fx.Node] = field(default_factory=list)


@dataclass(frozen=True)
class _White:
    population: str
    writer: str
    dim: int


_RETURNED = "returned"
"""What a layer of infinite width returned."""

_MAPPED = "mapped"
"""The same, for one without non-linearity."""


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
    reader = network.reader(name)
    groups = 1 if reader is None else reader.groups
    if groups > 1:
        raise _no_limit(population, f"layer {name!r} has {groups} groups")
    if shape != (network.parameters[name].shape[population.axes[name]], 1):
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
        self.reads = {reader.node for reader in network.readers}
        self.plans: list[LayerPlan] = []
        self.state: dict[fx.Node, _White | str | None] = {}
        for node in network.traced.graph.nodes:
            if node not in self.state:
                self.state[node] = self._visit(node)

    def _visit(self, node: fx.Node) -> _White | str | None:
        states = {self.state[n] for n in node.all_input_nodes if self.state[n] is not None}
        white = [n for n in node.all_input_nodes if isinstance(self.state[n], _White)]
        written = [name for name in self._parameters(node) if name in self.writes]
        reads = bool(written) or node in self.reads or node.op == "output"
        if white and (reads or self._moves_channels(node)):
            for source in white:
                self._end_without_activation(source, node)
            states.add(_MAPPED)
            white = []
        if written:
            return self._written(node, written[0])
        if reads or not states or not _holds_tensors(self.network.shapes[node]):
            return None
        return self._pass_white(node, white) if white else self._pass_returned(node, states)

    def _written(self, node: fx.Node, name: str) -> _White:
        read = self.network.reader(name)
        assert read is not None
        last = read.dim == len(self.network.shapes[node]) - 1
        return _White(self.writes[name].name, name.rpartition(".")[0] or name, -1 if last else read.dim)

    def _pass_white(self, node: fx.Node, white: list[fx.Node]) -> _White | str:
        states = [self.state[n] for n in white]
        first = states[-1]
        assert isinstance(first, _White)
        norm = self.network.norm(node)
        if norm is not None and norm.name in self.folded:
            return first
        if norm is not None:
            raise self._unsupported(
                node,
                "a batch norm before a non-linearity must be folded (norms='folded', affine, with running statistics, "
                "right after one layer): the variance it divides by differs from neuron to neuron",
            )
        if len(node.all_input_nodes) > 1:
            alike = len({(s.population, s.dim) for s in states if isinstance(s, _White)}) == 1
            if self._adds(node) and len(white) == len(node.all_input_nodes) and alike and not node.kwargs:
                return first
            raise self._unsupported(
                node,
                "it combines a pre-activation with what has been through a non-linearity, which is not Gaussian; only "
                "linear streams have a known limit",
            )
        if self._is_channelwise(node):
            return first
        chain = self._activation(node)
        if not chain:
            raise self._unsupported(
                node,
                "between a layer and its non-linearity only linear operations that act channel by channel are known",
            )
        self._add(white[0], chain)
        for part in chain:
            self.state[part] = _RETURNED
        return _RETURNED

    def _activation(self, node: fx.Node) -> list[fx.Node]:
        """Return the operations from a node on that together act entry by entry."""
        chain: list[fx.Node] = []
        while len(node.all_input_nodes) == 1 and node.op.startswith("call_"):
            plain = not self._is_channelwise(node) and not self._moves_channels(node)
            if not plain or node in self.reads or self.network.norm(node) is not None:
                break
            known = self.network.operation(node)
            trial = operation(self.network.traced, [node])
            if not (known is not None and known.pointwise) and not is_pointwise(trial.double().cpu()):
                break
            chain.append(node)
            if len(node.users) != 1:
                break
            node = next(iter(node.users))
        return chain

    def _pass_returned(self, node: fx.Node, states: set[_White | str | None]) -> str:
        several = len(node.all_input_nodes) > 1
        scales = called(node, self.network.modules) in _SCALES and not several
        norm = self.network.norm(node)
        if norm is not None and norm.name not in self.folded and not self._tracks(norm.name):
            raise self._unsupported(
                node, "a batch norm without running statistics depends on how images come in batches"
            )
        linear = norm is not None or (
            scales or self._is_channelwise(node) or self._moves_channels(node) or self._adds(node)
        )
        if not linear:
            if _MAPPED in states:
                raise self._unsupported(
                    node, "it is a non-linearity that does not directly follow the layers it acts on"
                )
            warnings.warn(
                f"layer {module_path(node)!r} ({node.name}) is not linear and acts on a layer "
                "of infinite width: it is applied to the reference's channels, and samples do not tend to exactly that",
                RainbowWarning,
                stacklevel=6,
            )
        return _MAPPED if _MAPPED in states else _RETURNED

    def _add(self, source: fx.Node, nodes: list[fx.Node]) -> LayerPlan:
        state = self.state[source]
        assert isinstance(state, _White)
        taken = sum(plan.name == state.writer or plan.name.startswith(f"{state.writer}#") for plan in self.plans)
        name = f"{state.writer}#{taken}" if taken else state.writer
        size = len(self.members[state.population])
        self.plans.append(LayerPlan(name, state.population, source, nodes, state.dim, size))
        return self.plans[-1]

    def _end_without_activation(self, source: fx.Node, reader: fx.Node) -> None:
        known = next((plan for plan in self.plans if plan.source is source and not plan.nodes), None)
        (known or self._add(source, [])).readers.append(reader)

    def _tracks(self, norm: str) -> bool:
        module: Any = self.network.modules[norm]
        return module.running_mean is not None

    def _is_channelwise(self, node: fx.Node) -> bool:
        """Whether it is linear and acts channel by channel, whatever the channels are."""
        known = self.network.operation(node)
        return known is not None and known.linear and known.channelwise and not known.pointwise

    def _moves_channels(self, node: fx.Node) -> bool:
        """Whether it is linear and may tell channels apart or move their axis: only the reference's go through."""
        known = self.network.operation(node)
        return known is not None and known.linear and not known.channelwise

    def _adds(self, node: fx.Node) -> bool:
        known = self.network.operation(node)
        return known is not None and known.linear and known.pointwise

    def _parameters(self, node: fx.Node) -> list[str]:
        if node.op == "call_module":
            names = self.network.modules[str(node.target)].named_parameters()
            return [f"{node.target}.{leaf}" for leaf, _ in names]
        return [str(n.target) for n in node.all_input_nodes if n.op == "get_attr"]

    def _unsupported(self, node: fx.Node, why: str) -> UnsupportedOp:
        return self.network.unsupported(
            node, f"{why}; leave the population as it is trained with layers=[...], prefixes of the others"
        )


def _holds_tensors(shape: object) -> bool:
    """Whether a value of which the graph keeps this is a tensor, or has some, rather than sizes."""
    return isinstance(shape, tuple) or (isinstance(shape, list) and any(_holds_tensors(part) for part in shape))
