"""Network: a traced module with its populations of neurons and its readers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, fx, nn

from rainbownet.checks import real, shown, words_of
from rainbownet.errors import ArchitectureError, DataError, UnsupportedOp
from rainbownet.graph.declared import Kept, Norm, Reader
from rainbownet.graph.heads import Heads
from rainbownet.graph.inputs import Batch, Named, joined
from rainbownet.graph.module import graph_module
from rainbownet.graph.nodes import unsupported
from rainbownet.graph.population import Population
from rainbownet.graph.propagate import propagate
from rainbownet.graph.resize import Counter, copied_module, resized_module
from rainbownet.graph.rules.table import Operation, find_operation
from rainbownet.graph.same import first_difference
from rainbownet.graph.trace import copy_and_trace

MOST_WIDTH = 1e6
"""Factors on the number of neurons above this are a mistake."""

Width = int | float | Mapping[str, int | float]
"""A factor on the number of neurons, or one per module prefix."""


class Network:
    """A private copy of a module, traced, with what the other rooms need to know of it.

    Args:
        module: Any module. It is copied, never changed.
        example: A batch of inputs, a tensor or several by the names of arguments; two are enough. Its device is that
            the copy is put on.
        head: `"auto"`: the layers that write the outputs are aligned, not drawn; or names of modules that are too.
        output: Which part of a dictionary or dataclass that the module returns is taken, by name or position; `logits`
            or the first tensor by default.
        strict: Whether to refuse a network of which something is kept trained for want of a rule.
        traced: Its graph, where that is known: then the module itself is taken, not a copy of it.

    Attributes:
        root: The module.
        traced: Its graph; the two share parameters.
        example: Two inputs.
        modules: The submodules, by name.
        output: What is taken of what the module returns, as given.
        populations: The populations of neurons, in order of execution.
        readers: The parameters that read an activation, in order of execution.
        norms: The batch normalisations, in order of execution.

    Raises:
        ArchitectureError: If the module cannot be traced or a head is not found.
        UnsupportedOp: If an operation has no rule and `strict` is set.
        DataError: If the module cannot be run on the example.

    Example:
        >>> import torch
        >>> net = Network(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.zeros(2, 4))
        >>> [(p.name, len(p), p.frozen) for p in net.populations]
        [('0', 8, False), ('2', 3, True)]
        >>> [(r.parameter, r.channels, r.frozen) for r in net.readers]
        [('0.weight', 4, True), ('2.weight', 8, False)]
    """

    def __init__(
        self,
        module: nn.Module,
        example: Batch | Mapping[str, Tensor],
        *,
        head: str | Sequence[str] = "auto",
        output: str | int | None = None,
        strict: bool = False,
        traced: fx.GraphModule | None = None,
    ) -> None:
        names = ["auto"] if isinstance(head, str) and head == "auto" else [head] if isinstance(head, str) else head
        names = list(words_of("head", names, error=ArchitectureError))
        if not names:
            raise ArchitectureError("head is empty; names of modules, or 'auto', are needed")
        if isinstance(example, Mapping):
            example = Named(example)
        if not isinstance(example, Tensor | Named):
            raise DataError(f"example is {shown(example)}; a tensor of two inputs or more is needed")
        if traced is None:
            root, traced = copy_and_trace(module, _two(example), output=output)
        else:
            root = module
        if all(value.device == example.device for value in (*root.parameters(), *root.buffers())):
            self.root, self.traced = root, traced
        else:  # moving a buffer makes another tensor: the graph is built again over the moved ones
            self.root = root.to(example.device)
            self.traced = graph_module(self.root, traced.graph)
        self.example = _two(example)
        self.head, self.output = head, output
        self._found = propagate(self.traced, self.example, heads=[name for name in names if name != "auto"])
        if strict and self.kept_by:
            raise UnsupportedOp(self.kept_by[0].why)
        self.modules: Mapping[str, nn.Module] = dict(self.traced.named_modules())
        self.populations = list(self._found.populations)
        self.readers = list(self._found.readers.values())
        self.norms = list(self._found.norms.values())

    @property
    def shapes(self) -> Mapping[fx.Node, Any]:
        """The shape of each node's value on two inputs; of a tuple those of its parts; of a size the size itself."""
        return self._found.shapes

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters and buffers of the traced module, by name."""
        return {**dict(self.traced.named_parameters()), **dict(self.traced.named_buffers())}

    @property
    def kept_by(self) -> tuple[Kept, ...]:
        """The operations that keep trained parameters from being drawn, and for want of what."""
        return self._found.kept

    @property
    def summed(self) -> frozenset[str]:
        """The drawn populations whose neurons are only summed over (theory, 10): no non-linearity sees them."""
        return self._found.summed

    @property
    def normed(self) -> frozenset[str]:
        """The drawn populations that only linear maps, products of two activations and layer norms see."""
        return self._found.normed

    @property
    def heads(self) -> tuple[Heads, ...]:
        """The heads of each attention: of each the names of its populations, in one order."""
        return self._found.heads

    @property
    def outputs(self) -> frozenset[str]:
        """The populations that write the outputs or belong to layers that `head` names: aligned, never drawn."""
        return self._found.outputs

    @property
    def share_drawn(self) -> float:
        """The share of the numbers of all parameters that belong to neurons that are drawn."""
        sizes = {name: value.numel() for name, value in self.traced.named_parameters()}
        drawn = 0.0
        for population in self.populations:
            if not population.frozen:
                for name in set(population.slots) & set(sizes):
                    axis = self.parameters[name].shape[population.axes[name]]
                    drawn += sizes[name] * population.slots[name].size / axis
        return drawn / max(sum(sizes.values()), 1)

    @property
    def derived(self) -> frozenset[str]:
        """The constant tensors that follow from the numbers of neurons, as the index of a shuffle."""
        return frozenset(self._found.tensors)

    @property
    def kept(self) -> list[str]:
        """Parameters and buffers that no neuron owns: they are the same in every sampled network."""
        owned = {name for population in self.populations for name in population.slots}
        return [name for name in self.parameters if name not in owned]

    def reader(self, parameter: str) -> Reader | None:
        """Return how a parameter reads an activation, if it does."""
        return self._found.readers.get(parameter)

    def norm(self, node: fx.Node) -> Norm | None:
        """Return the batch normalisation that a node is, if it is one."""
        return self._found.norms.get(node)

    def readers_of(self, population: Population) -> list[Reader]:
        """Return the readers that read some channel of a population."""
        position = self.populations.index(population)
        owner = self._found.owners.population[self._found.solved.neuron]
        return [r for r in self.readers if r.ids is not None and (owner[r.ids] == position).any()]

    def neurons_read(self, reader: Reader) -> list[tuple[str, int]]:
        """Return the population and the number of the neuron behind each channel a reader reads, positions apart."""
        if reader.ids is None:
            return []
        solved, owners = self._found.solved, self._found.owners
        ids = reader.ids
        if reader.channels * reader.outer * reader.inner == len(ids):
            ids = ids[:: reader.inner][: reader.channels]
        roots = solved.neuron[ids]
        names = [population.name for population in self.populations]
        found = zip(owners.population[roots].tolist(), owners.number[roots].tolist(), strict=True)
        return [(names[population], number) for population, number in found]

    def is_statistic(self, name: str) -> bool:
        """Whether a buffer holds measured statistics of a norm."""
        known = self._found.parameters.get(name)
        return known is not None and known.statistic

    def like(self, example: Batch) -> Network:
        """Return a copy on the device of an example, checked to run on it."""
        root, traced = copied_module(self.root, self.traced)
        return Network(root, example, head=self.head, output=self.output, traced=traced)

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
        count = Counter(self._found.solved.neuron, self._found.owners, factors)
        root, traced = resized_module(self.root, self.traced, self._found, count, self.example)
        network = Network(root, self.example, head=self.head, output=self.output, traced=traced)
        mine = {p.key: int(np.floor(f * len(p) + 0.5)) for p, f in zip(self.populations, factors, strict=True)}
        theirs = {p.key: len(p) for p in network.populations}
        read = {r.parameter: (r.outer, r.inner) for r in network.readers if not r.frozen}
        if mine == theirs and any(
            read.get(r.parameter, (r.outer, r.inner)) != (r.outer, r.inner) for r in self.readers
        ):
            raise ArchitectureError(
                f"width {width!r}: a layer of the resized network reads its channels in another order"
            )
        if mine != theirs:
            differ = sum(mine.get(key) != theirs.get(key) for key in mine.keys() | theirs.keys())
            raise ArchitectureError(
                f"width {width!r}: the resized network ties its channels in another way than the original "
                f"({differ} populations differ); choose integer widths, equal on tied layers"
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
        found = self._found
        difference = first_difference(
            self.traced,
            other.traced,
            sized={*found.rewrites, *found.sizes},
            attributes={(module, attribute) for module, attribute, _ in found.attributes},
        )
        if difference is None and (extra := set(self.parameters) ^ set(other.parameters)):
            difference = f" has another architecture: parameter {min(extra)!r} stands in one of the two only"
        if difference is not None:
            raise ArchitectureError(name + difference)

    def _factors(self, width: Width, keep: Collection[str]) -> list[float]:
        for factor in width.values() if isinstance(width, Mapping) else [width]:
            real("width", factor, above=0.0, most=MOST_WIDTH, error=ArchitectureError)
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

    def operation(self, node: fx.Node) -> Operation | None:
        """Return what the table of operations says of what a node calls."""
        return find_operation(node, self.modules)

    def unsupported(self, node: fx.Node, need: str) -> UnsupportedOp:
        """Return the error for a node that cannot be handled, naming the module it stands in."""
        return unsupported(node, self.modules, need)


def _two(example: Batch) -> Batch:
    """Return two inputs: with one, the batch axis could not be told from an axis of size one."""
    return example[:2] if len(example) > 1 else joined([example, example])
