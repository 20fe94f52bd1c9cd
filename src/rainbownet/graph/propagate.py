"""Propagation of channels through a traced network: rules applied node by node, ties solved, neurons grouped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from rainbownet.errors import ArchitectureError, UnsupportedOp
from rainbownet.graph.channels import Channels, Count, IndexedParameter, Kept, Labels, Norm, Reader, Rewrite
from rainbownet.graph.nodes import evaluate
from rainbownet.graph.pointwise import is_pointwise
from rainbownet.graph.population import Owners, Population, find_populations
from rainbownet.graph.rules.elementwise import elementwise
from rainbownet.graph.rules.table import find_operation
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
        attributes: How the attributes of modules do: module, name, value.
        kept: The operations that keep trained parameters from being drawn, and for want of what.
    """

    shapes: Mapping[fx.Node, Any]
    parameters: Mapping[str, IndexedParameter]
    readers: Mapping[str, Reader]
    norms: Mapping[fx.Node, Norm]
    solved: Solved
    populations: tuple[Population, ...]
    owners: Owners
    rewrites: Mapping[fx.Node, Rewrite]
    attributes: Sequence[tuple[str, str, Callable[[Count], Any]]]
    kept: tuple[Kept, ...]


def propagate(module: fx.GraphModule, example: Tensor, *, heads: Sequence[str] = ()) -> Propagation:
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
        tuple(channels.attributes),
        _reported(channels, solved),
    )


def apply_rules(module: fx.GraphModule, example: Tensor) -> Channels:
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
                channels.ties.freeze(label)
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
        for ids in _all_ids(channels.parameters[name]):
            channels.ties.freeze(ids)
    while True:
        solved = channels.ties.solve()
        if not (any([*_freeze_positions(channels, solved)]) or any([*_keep_late(channels, solved)])):
            return solved


def _all_ids(parameter: IndexedParameter) -> list[Ids]:
    read = [] if parameter.read is None or parameter.read.ids is None else [parameter.read.ids]
    return [*parameter.index.values(), *read]


def _freeze_positions(channels: Channels, solved: Solved) -> Iterator[bool]:
    """Freeze what maps over positions write."""
    for part in channels.spatial:
        written = part[0]
        if _maps_positions(solved, part) and not solved.frozen[solved.neuron[written]].all():
            channels.ties.freeze(written)
            yield True


def _keep_late(channels: Channels, solved: Solved) -> Iterator[bool]:
    """Keep what can be seen only once ties are known: channels that are mixed, or that lie along two axes."""
    for kept in (*_mixed(channels), *_read_apart(channels, solved), *_owned_twice(channels, solved)):
        if not solved.frozen[solved.neuron[kept.ids]].all():
            channels.freeze_late(kept)
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
                channels.ties.freeze(ids)


def _solved_reader(channels: Channels, solved: Solved, read: Reader) -> Reader:
    """Return a reader with what the ties say of the axis it reads."""
    if read.ids is None:
        return replace(read, channels=channels.values[read.source].shape[read.dim])
    outer, ids, inner = factor_repeats(solved.channel[read.ids])
    frozen = bool(solved.frozen[solved.neuron[read.ids]].all())
    return replace(read, outer=outer, channels=len(ids), inner=inner, frozen=frozen)


def _mixed(channels: Channels) -> Iterator[Kept]:
    for node, ids, why in channels.mixed:
        yield Kept(node, str(channels.unsupported(node, why)), np.ravel(ids))


def _read_apart(channels: Channels, solved: Solved) -> Iterator[Kept]:
    """Find activations that are read and have drawn channels along two axes: their rows would not come in pairs."""
    reads = [known.read for known in channels.parameters.values() if known.read is not None]
    for read in {read.source: read for read in reads}.values():
        drawn: dict[int, list[Ids]] = {}
        for label in channels.labels_of(read.source):
            if not solved.frozen[solved.neuron[np.ravel(label)]].any():
                for axis in np.flatnonzero(np.array(label.shape) > 1):
                    drawn.setdefault(int(axis), []).append(np.ravel(label))
        if len(drawn) > 1:
            spared = read.dim % channels.values[read.source].ndim
            why = f"drawn channels lie along its axes {sorted(drawn)}; they can be aligned along one axis only"
            others = [ids for axis, found in drawn.items() if axis != spared for ids in found]
            yield Kept(read.source, str(channels.unsupported(read.source, why)), np.concatenate(others))


def _owned_twice(channels: Channels, solved: Solved) -> Iterator[Kept]:
    """Find parameters of drawn channels along two axes: a law of neurons needs one."""
    for name, parameter in channels.parameters.items():
        drawn = [a for a, ids in parameter.index.items() if not solved.frozen[solved.neuron[ids]].all()]
        if len(drawn) > 1:
            node = next(n for n in channels.module.graph.nodes if _uses(n, name))
            why = f"parameter {name!r} of shape {parameter.shape} is indexed by drawn channels along axes {drawn}"
            others = np.concatenate([parameter.index[axis] for axis in drawn[1:]])
            yield Kept(node, str(channels.unsupported(node, f"{why}; a law of neurons needs one")), others)


def _uses(node: fx.Node, parameter: str) -> bool:
    return node.op in ("get_attr", "call_module") and f"{parameter}.".startswith(f"{node.target}.")


def _reported(channels: Channels, solved: Solved) -> tuple[Kept, ...]:
    """Return what is kept in which trained parameters have a part, each operation once."""
    trained = {name for name, _ in channels.module.named_parameters(remove_duplicate=False)}
    owned = [np.ravel(ids) for name, p in channels.parameters.items() if name in trained for ids in _all_ids(p)]
    classes = np.unique(solved.neuron[np.concatenate([*owned, np.zeros(0, dtype=np.int64)])])
    found: dict[fx.Node, Kept] = {}
    for kept in channels.kept:
        if trained & set(kept.parameters) or np.isin(solved.neuron[kept.ids], classes).any():
            found.setdefault(kept.node, kept)
    return tuple(found.values())


def _has_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value))


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return [_shape(v) for v in value] if isinstance(value, (tuple, list)) else value
