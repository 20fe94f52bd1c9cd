"""Propagation of channels through a traced network: rules applied node by node, ties solved, neurons grouped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from rainbownet.errors import ArchitectureError, UnsupportedOp
from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.declared import Count, IndexedParameter, Kept, Norm, Reader, Renewal, Rewrite
from rainbownet.graph.heads import Heads, find_heads
from rainbownet.graph.inputs import Batch
from rainbownet.graph.keep import all_ids, keep_late, reported
from rainbownet.graph.nodes import evaluate
from rainbownet.graph.pointwise import is_pointwise
from rainbownet.graph.population import Owners, Population, find_populations
from rainbownet.graph.rules.elementwise import elementwise
from rainbownet.graph.rules.table import find_operation
from rainbownet.graph.summed import summed_populations
from rainbownet.graph.ties import Ids, Solved, factor_repeats


@dataclass(frozen=True)
class Propagation:
    """What is known of the channels of a traced network.

    Attributes:
        shapes: The shape of each node's value on the example; of a tuple those of its parts; of a size the size itself.
        parameters: The parameters and buffers that channels index or that read some, in order of execution.
        readers: Those that read, by parameter.
        norms: The batch normalisations.
        solved: The classes of all channel indices.
        populations: The neurons that share a law.
        owners: Which population each neuron belongs to.
        rewrites: How the constants of nodes follow the numbers of channels.
        sizes: What computed sizes among the arguments of nodes must be: the number of some channels, or as they are.
        targets: What such nodes call once their constants change, where that is something else.
        tensors: How constant tensors follow the numbers of channels.
        attributes: How the attributes of modules do: module, name, value.
        kept: The operations that keep trained parameters from being drawn, and for want of what.
        summed: The drawn populations whose neurons are only summed over: nothing but linear maps and products of two
            activations sees them.
        normed: Those that layer norms see besides.
        heads: The heads of each attention, as names of populations.
        outputs: The populations that write the outputs, or that were named as heads.
    """

    shapes: Mapping[fx.Node, Any]
    parameters: Mapping[str, IndexedParameter]
    readers: Mapping[str, Reader]
    norms: Mapping[fx.Node, Norm]
    solved: Solved
    populations: tuple[Population, ...]
    owners: Owners
    rewrites: Mapping[fx.Node, Rewrite]
    targets: Mapping[fx.Node, Any]
    tensors: Mapping[str, Renewal]
    sizes: Mapping[fx.Node, Sequence[tuple[fx.Node, Ids | int | float]]]
    attributes: Sequence[tuple[str, str, Callable[[Count], Any]]]
    kept: tuple[Kept, ...]
    summed: frozenset[str]
    normed: frozenset[str]
    heads: tuple[Heads, ...]
    outputs: frozenset[str]


def propagate(module: fx.GraphModule, example: Batch, *, heads: Sequence[str] = ()) -> Propagation:
    """Find the channels, the readers and the populations of a traced network.

    Args:
        module: A traced network.
        example: A batch of at least two inputs.
        heads: Names of modules whose neurons are never drawn, beside those that write the outputs.

    Raises:
        ArchitectureError: If there is no such head.
        DataError: If the network cannot be run on the example.
    """
    channels = apply_rules(module, example)
    _freeze_heads(channels, heads)
    solved = _solve(channels)
    readers = {
        name: _solved_reader(channels, solved, known.read)
        for name, known in channels.parameters.items()
        if known.read is not None
    }
    populations, owners = find_populations(channels.parameters, solved)
    return Propagation(
        {node: _shape(value) for node, value in channels.values.items()},
        channels.parameters,
        readers,
        channels.norms,
        solved,
        populations,
        owners,
        channels.rewrites,
        channels.targets,
        channels.tensors,
        channels.sizes,
        tuple(channels.attributes),
        reported(channels, solved),
        summed := summed_populations(channels, solved, populations, owners),
        summed_populations(channels, solved, populations, owners, norms=True) - summed,
        find_heads(module, solved, populations, owners),
        frozenset(populations[k].name for ids in channels.outputs for k in owners.of(solved.neuron[ids])),
    )


def apply_rules(module: fx.GraphModule, example: Batch) -> Channels:
    """Return what the rules declare of a traced network, node by node.

    Raises:
        DataError: If the network cannot be run on the example.
    """
    channels = Channels(module, example)
    for node in module.graph.nodes:
        try:
            with channels.undone_on_error():
                labels = _labels(channels, node)
        except UnsupportedOp as error:
            labels = channels.keep(node, str(error))
        channels.labels[node] = labels
    return channels


def _labels(channels: Channels, node: fx.Node) -> Any:
    """Return the labels of a node's value, those of its inputs being known."""
    if node.op in ("placeholder", "get_attr"):
        return ()
    if node.op == "output":
        for result in node.all_input_nodes:
            for label in channels.labels_of(result):
                channels.put_out(label)
        return ()
    if not _has_tensor(channels.values[node]):
        return ()
    operation = find_operation(node, channels.modules)
    if operation is not None:
        return operation.rule(channels, node)
    if _acts_pointwise(channels, node):
        return elementwise(channels, node)
    raise channels.unsupported(node, "no rule is known for it; give it one with rainbownet.graph.register")


def _acts_pointwise(channels: Channels, node: fx.Node) -> bool:
    """Whether an unknown operation of one tensor acts entry by entry."""
    tensors = [n for n in node.all_input_nodes if isinstance(channels.values[n], Tensor)]
    value = channels.values[node]
    if len(tensors) != 1 or not isinstance(value, Tensor):
        return False
    source = channels.values[tensors[0]]
    if source.shape != value.shape or not source.ndim or not torch.is_floating_point(source):
        return False
    return is_pointwise(
        lambda x: evaluate(channels.module, node, {**channels.values, tensors[0]: x}, channels.modules), like=source
    )


def _solve(channels: Channels) -> Solved:
    """Solve the ties, with what must be kept trained frozen until nothing more is found."""
    touched = {name for kept in channels.kept for name in kept.parameters}
    for name in touched & set(channels.parameters):
        for ids in all_ids(channels.parameters[name]):
            channels.ties.freeze(ids)
    while True:
        solved = channels.ties.solve()
        if not (any([*_freeze_positions(channels, solved)]) or any([*keep_late(channels, solved)])):
            return solved


def _freeze_positions(channels: Channels, solved: Solved) -> Iterator[bool]:
    """Freeze what maps over positions write."""
    for part in channels.spatial:
        written = part[0]
        if _maps_positions(solved, part) and not solved.frozen[solved.neuron[written]].all():
            channels.ties.freeze(written)
            yield True


def _maps_positions(solved: Solved, part: tuple[Ids, Ids, Labels]) -> bool:
    """Whether a linear map reads frozen channels, and others of the value it reads are drawn."""
    _, read, others = part
    drawn = any(not solved.frozen[solved.neuron[np.ravel(label)]].all() for label in others)
    return drawn and bool(solved.frozen[solved.neuron[read]].all())


def _freeze_heads(channels: Channels, heads: Sequence[str]) -> None:
    for name in heads:
        found = [p for key, p in channels.parameters.items() if key == name or key.startswith(name + ".")]
        writes = [p for p in found if p.read is not None]
        if not writes:
            layers = [k.rpartition(".")[0] for k, p in channels.parameters.items() if p.read is not None]
            raise ArchitectureError(f"head: no layer {name!r} in the network; its layers are {layers}")
        for parameter in writes:
            for ids in parameter.index.values():
                channels.put_out(ids)


def _solved_reader(channels: Channels, solved: Solved, read: Reader) -> Reader:
    """Return a reader with what the ties say of the axis it reads."""
    if read.ids is None:
        return replace(read, channels=channels.values[read.source].shape[read.dim])
    outer, ids, inner = factor_repeats(solved.channel[read.ids])
    frozen = bool(solved.frozen[solved.neuron[read.ids]].all())
    return replace(read, outer=outer, channels=len(ids), inner=inner, frozen=frozen)


def _has_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value))


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return [_shape(v) for v in value] if isinstance(value, (tuple, list)) else value
