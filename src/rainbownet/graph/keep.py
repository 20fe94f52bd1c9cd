"""What is kept as trained: found once ties are known, and reported."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from torch import fx

from rainbownet.graph.channels import Channels
from rainbownet.graph.declared import IndexedParameter, Kept
from rainbownet.graph.shrunk import shrunk
from rainbownet.graph.ties import Ids, Solved


def keep_late(channels: Channels, solved: Solved) -> Iterator[bool]:
    """Keep what can be seen only once ties are known; yield for each thing that was not kept before.

    These are channels that an operation mixes, parts of arrays whose other parts are kept, and channels that lie along
    two axes of a value or a parameter.
    """
    late = _uneven(channels, solved), _read_apart(channels, solved), _owned_twice(channels, solved)
    late = *late, _constant(channels), shrunk(channels, solved)
    for kept in (*_mixed(channels), *chain(*late)):
        if not solved.frozen[solved.neuron[kept.ids]].all():
            channels.freeze_late(kept)
            yield True


def all_ids(parameter: IndexedParameter) -> list[Ids]:
    """Return the channels along every axis of a parameter that has some."""
    read = [] if parameter.read is None or parameter.read.ids is None else [parameter.read.ids]
    return [*parameter.index.values(), *read]


def _mixed(channels: Channels) -> Iterator[Kept]:
    for node, ids, why in channels.mixed:
        yield Kept(node, str(channels.unsupported(node, why)), np.ravel(ids))


def _uneven(channels: Channels, solved: Solved) -> Iterator[Kept]:
    """Find arrays of channels of which some rows are drawn and others kept: at other widths they would be no arrays."""
    for node, rows in channels.rows:
        kept = solved.frozen[solved.neuron[rows]].all(axis=1)
        if kept.any() and not kept.all():
            why = "some of the parts that it takes to be of one size are kept as trained, so that all of them are"
            yield Kept(node, str(channels.unsupported(node, why)), np.ravel(rows))


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
    """Find parameters of drawn channels along two axes: a law of neurons needs one, the one with most parameters."""
    owned = {
        name: {axis: set(np.unique(solved.neuron[ids]).tolist()) for axis, ids in parameter.index.items()}
        for name, parameter in channels.parameters.items()
        if parameter.index
    }
    for name, parameter in channels.parameters.items():
        drawn = [a for a, ids in parameter.index.items() if not solved.frozen[solved.neuron[ids]].all()]
        if len(drawn) > 1:
            shared = {
                axis: sum(any(own & owned[name][axis] for own in axes.values()) for axes in owned.values())
                for axis in drawn
            }
            drawn.sort(key=lambda axis, shared=shared: -shared[axis])
            node = next(n for n in channels.module.graph.nodes if _uses(n, name))
            why = (
                f"parameter {name!r} of shape {parameter.shape} is indexed by drawn channels along axes {sorted(drawn)}"
            )
            others = np.concatenate([parameter.index[axis] for axis in drawn[1:]])
            yield Kept(node, str(channels.unsupported(node, f"{why}; a law of neurons needs one")), others)


def _constant(channels: Channels) -> Iterator[Kept]:
    """Find channels that are read where they are the same for all inputs: there are no rows to align them on."""
    varies: set[fx.Node] = set()
    for node in channels.module.graph.nodes:
        if node.op == "placeholder" or any(source in varies for source in node.all_input_nodes):
            varies.add(node)
    for known in channels.parameters.values():
        if (read := known.read) is not None and read.ids is not None and read.source not in varies:
            why = f"it reads what the network's input does not change (the value of {read.source.name!r})"
            yield Kept(read.node, str(channels.unsupported(read.node, f"{why}; that is kept as trained")), read.ids)


def _uses(node: fx.Node, parameter: str) -> bool:
    return node.op in ("get_attr", "call_module") and f"{parameter}.".startswith(f"{node.target}.")


def reported(channels: Channels, solved: Solved) -> tuple[Kept, ...]:
    """Return what is kept in which trained parameters have a part, each operation once."""
    trained = {name for name, _ in channels.module.named_parameters(remove_duplicate=False)}
    owned = [np.ravel(ids) for name, p in channels.parameters.items() if name in trained for ids in all_ids(p)]
    classes = np.unique(solved.neuron[np.concatenate([*owned, np.zeros(0, dtype=np.int64)])])
    found: dict[fx.Node, Kept] = {}
    for kept in channels.kept:
        if trained & set(kept.parameters) or np.isin(solved.neuron[kept.ids], classes).any():
            found.setdefault(kept.node, kept)
    return tuple(found.values())
