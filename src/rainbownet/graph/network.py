"""Network: a traced module with its populations of neurons and its readers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn

from rainbownet.errors import ArchitectureError
from rainbownet.graph.population import Population, find_populations, neuron_classes
from rainbownet.graph.propagate import Norm, Propagation
from rainbownet.graph.resize import Counter, copied_module, resized_module
from rainbownet.graph.ties import factor_repeats
from rainbownet.graph.trace import private_copy, symbolic_trace

Width = int | float | Mapping[str, int | float]
"""A factor on the number of neurons, or one per module prefix."""


@dataclass(frozen=True)
class Reader:
    """A parameter that reads the channels of an activation.

    The axis read is `outer × channels × inner`: positions of a flattened feature map are `inner` (or `outer`, channels
    last).

    Attributes:
        parameter: Name of the parameter.
        axis: Its axis that reads.
        node: The operation.
        source: The node whose value is read, along its axis `dim`.
        groups: Number of groups of channels that are read apart.
        frozen: Whether the channels are never resampled, so that no alignment is needed.
    """

    parameter: str
    axis: int
    node: fx.Node
    source: fx.Node
    dim: int
    groups: int
    outer: int
    channels: int
    inner: int
    frozen: bool

    @property
    def layer(self) -> str:
        """The name of the module the parameter belongs to."""
        return self.parameter.rpartition(".")[0] or self.parameter


class Network:
    """A private copy of a module, traced, with what the other rooms need to know of it.

    Args:
        module: Any module with one tensor input. It is copied, never changed.
        example: A batch of inputs; two are enough. Its device and dtype are those the copy is put on.
        head: `"auto"`: the layers that write the outputs are aligned, not drawn; or names of modules that are too.

    Raises:
        ArchitectureError: If the module cannot be traced or a head is not found.
        UnsupportedOp: If an operation has no rule.
        DataError: If the module cannot be run on the example.

    Example:
        >>> net = Network(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.zeros(2, 4))
        >>> [(p.name, len(p), p.frozen) for p in net.populations]
        [('0', 8, False), ('2', 3, True)]
        >>> [(r.parameter, r.channels, r.frozen) for r in net.readers]
        [('0.weight', 4, True), ('2.weight', 8, False)]
    """

    def __init__(self, module: nn.Module, example: Tensor, *, head: str | Sequence[str] = "auto") -> None:
        traced = symbolic_trace(module)
        root = traced if isinstance(module, fx.GraphModule) else private_copy(module)
        if root is not traced:
            traced = fx.GraphModule(root, traced.graph, type(module).__name__)
        self._set_up(root, traced, _two(example), head)

    def _set_up(self, root: nn.Module, traced: fx.GraphModule, example: Tensor, head: str | Sequence[str]) -> None:
        self.root = root.to(example.device)
        self.traced = traced.to(example.device)
        self.example = example
        self.head = head
        self.propagation = Propagation(self.traced, example)
        self._freeze_heads()
        self._solved = self.propagation.ties.solve()
        self.populations = find_populations(self.propagation, self._solved)
        self.readers = [r for p in self.propagation.parameters if (r := self._reader(p)) is not None]
        self._check_mixed()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The submodules, by name."""
        return self.propagation.modules

    @property
    def norms(self) -> list[Norm]:
        """The batch normalisations, in order of execution."""
        return list(self.propagation.norms.values())

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters and buffers of the traced module, by name."""
        return {**dict(self.traced.named_parameters()), **dict(self.traced.named_buffers())}

    @property
    def kept(self) -> list[str]:
        """Parameters and buffers that no neuron owns: they are the same in every sampled network."""
        owned = {name for population in self.populations for name in population.slots}
        return [name for name in self.parameters if name not in owned]

    def neurons_read(self, reader: Reader) -> list[tuple[str, int]]:
        """Return the population and the number of the neuron behind each channel a reader reads, positions apart."""
        read = self.propagation.parameters[reader.parameter].read
        if read is None or read.ids is None:
            return []
        owners = {
            int(root): (population.name, k)
            for population in self.populations
            for k, root in enumerate(neuron_classes(population, self._solved, self.propagation))
        }
        _, channels, _ = factor_repeats(self._solved.channel[read.ids])
        first = {
            int(channel): int(atom) for atom, channel in zip(read.ids, self._solved.channel[read.ids], strict=True)
        }
        return [owners[int(self._solved.neuron[first[int(channel)]])] for channel in channels]

    def is_statistic(self, name: str) -> bool:
        """Whether a buffer holds measured statistics of a norm."""
        known = self.propagation.parameters.get(name)
        return known is not None and known.statistic

    def like(self, example: Tensor) -> Network:
        """Return a copy on the device of an example, checked to run on it."""
        network = Network.__new__(Network)
        root, traced = copied_module(self.root, self.traced)
        network._set_up(root, traced, _two(example), self.head)
        return network

    def resized(self, width: Width, *, keep: Collection[str] = ()) -> Network:
        """Return an untrained network of the same structure with other numbers of neurons.

        Args:
            width: A factor, or one per module prefix: a population takes the factor of its first writer that a prefix
                matches, and 1 if none does.
            keep: Names of populations that keep their size.

        Raises:
            ArchitectureError: If a width leaves a population empty, a prefix matches nothing, or the resized code does
                not have the structure of the original.
        """
        factors = self._factors(width, keep)
        count = Counter(
            self._solved, [neuron_classes(p, self._solved, self.propagation) for p in self.populations], factors
        )
        root, traced = resized_module(self.root, self.traced, self.propagation, count)
        network = Network.__new__(Network)
        network._set_up(root, traced, self.example, self.head)
        mine, theirs = ({p.key for p in net.populations} for net in (self, network))
        if mine != theirs:
            raise ArchitectureError(
                f"width {width!r}: the resized network ties its channels in another way than the original "
                f"({len(mine ^ theirs)} populations differ); choose integer widths, equal on tied layers"
            )
        return network

    def check_same(self, other: Network, name: str) -> None:
        """Raise unless another network has the same operations and parameter shapes.

        Raises:
            ArchitectureError: Naming the first difference.
        """
        self.check_same_structure(other, name)
        own, their = self.parameters, other.parameters
        for key in own:
            if own[key].shape != their[key].shape:
                raise ArchitectureError(
                    f"{name}: parameter {key!r} has shape {tuple(their[key].shape)}, the first network has "
                    f"{tuple(own[key].shape)}"
                )

    def check_same_structure(self, other: Network, name: str) -> None:
        """Raise unless another network has the same operations, whatever the widths.

        Raises:
            ArchitectureError: Naming the first difference.
        """
        a, b = list(self.traced.graph.nodes), list(other.traced.graph.nodes)
        for x, y in zip(a, b, strict=False):
            if (x.op, x.name, str(x.target)) != (y.op, y.name, str(y.target)):
                raise ArchitectureError(
                    f"{name} has another architecture: its operation {y.name!r} ({y.op} {y.target}) stands where the "
                    f"first network has {x.name!r} ({x.op} {x.target})"
                )
            if x.op == "call_module":
                mine, its = (type(net.modules[str(x.target)]).__name__ for net in (self, other))
                if mine != its:
                    raise ArchitectureError(f"{name}: layer {x.target!r} is a {its}, in the first network a {mine}")
        if len(a) != len(b) or set(self.parameters) != set(other.parameters):
            raise ArchitectureError(f"{name} has another architecture: {len(b)} operations instead of {len(a)}")

    def _factors(self, width: Width, keep: Collection[str]) -> list[float]:
        if isinstance(width, Mapping):
            used: set[str] = set()
            factors = [self._factor_of(population, width, used) for population in self.populations]
            if unknown := set(width) - used:
                names = sorted({p.name for p in self.populations if not p.frozen})
                raise ArchitectureError(f"width: {sorted(unknown)} match no drawn layer; the populations are {names}")
        else:
            factors = [1.0 if population.frozen else float(width) for population in self.populations]
        factors = [1.0 if p.name in keep else f for p, f in zip(self.populations, factors, strict=True)]
        for population, factor in zip(self.populations, factors, strict=True):
            if int(np.floor(factor * len(population) + 0.5)) < 1:
                raise ArchitectureError(
                    f"width {factor:g} leaves zero channels in population {population.name!r} of {len(population)} "
                    "neurons"
                )
        return factors

    def _factor_of(self, population: Population, width: Mapping[str, int | float], used: set[str]) -> float:
        if population.frozen:
            return 1.0
        for name in (population.name, *population.writers):
            for prefix, factor in width.items():
                if name == prefix or name.startswith(prefix + "."):
                    used.add(prefix)
                    return float(factor)
        return 1.0

    def _freeze_heads(self) -> None:
        names = [self.head] if isinstance(self.head, str) else list(self.head)
        for name in names:
            if name == "auto":
                continue
            found = [p for key, p in self.propagation.parameters.items() if key == name or key.startswith(name + ".")]
            writes = [p for p in found if p.read is not None]
            if not writes:
                layers = [k.rpartition(".")[0] for k, p in self.propagation.parameters.items() if p.read is not None]
                raise ArchitectureError(f"head: no layer {name!r} in the network; its layers are {layers}")
            for parameter in writes:
                for ids in parameter.index.values():
                    self.propagation.ties.freeze(ids)

    def _reader(self, name: str) -> Reader | None:
        read = self.propagation.parameters[name].read
        if read is None:
            return None
        self._check_apart(read.source)
        size = self.propagation.shapes[read.source][read.dim]
        if read.ids is None:
            outer, channels, inner, frozen = 1, size, 1, True
        else:
            outer, ids, inner = factor_repeats(self._solved.channel[read.ids])
            channels = len(ids)
            frozen = bool(self._solved.frozen[self._solved.neuron[read.ids]].all())
        return Reader(name, read.axis, read.node, read.source, read.dim, read.groups, outer, channels, inner, frozen)

    def _check_apart(self, source: fx.Node) -> None:
        """Raise if an activation that is read has drawn channels along two axes: its rows would not come in pairs."""
        axes = {
            axis
            for label in self.propagation.labels_of(source)
            for axis, size in enumerate(label.shape)
            if size > 1 and not self._solved.frozen[self._solved.neuron[np.ravel(label)]].any()
        }
        if len(axes) > 1:
            raise self.propagation.unsupported(
                source, f"drawn channels lie along its axes {sorted(axes)}; they can be aligned along one axis only"
            )

    def _check_mixed(self) -> None:
        for node, ids, why in self.propagation.mixed:
            if not self._solved.frozen[self._solved.neuron[np.ravel(ids)]].all():
                raise self.propagation.unsupported(node, why)


def _two(example: Tensor) -> Tensor:
    """Return two inputs: with one, the batch axis could not be told from an axis of size one."""
    return example[:2] if len(example) > 1 else torch.cat([example, example])
