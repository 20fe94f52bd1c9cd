"""Channels of a traced network: the state that rules read and write, before its ties are solved.

The labels of a tensor are integer arrays of channel indices that broadcast to its shape: a feature map ``(n, C, h, w)``
has one of shape ``(1, C, 1, 1)``, and an axis that no label covers is a *plain* axis (the batch, positions, input
pixels). Reshaping, slicing, padding and concatenating tensors is doing the same to their labels.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from torch import fx, nn

from rainbownet.errors import UnsupportedOp
from rainbownet.graph.declared import Count, IndexedParameter, Kept, Norm, Reader, Renewal, Rewrite
from rainbownet.graph.inputs import Batch
from rainbownet.graph.nodes import example_values, fetch, unsupported
from rainbownet.graph.ties import Ids, Ties

Labels = tuple[Ids, ...]


class Channels:
    """What rules know of a network, and what they declare; see `rainbownet.graph.rules`.

    Args:
        module: A traced network.
        example: A batch of at least two inputs.

    Attributes:
        values: The value of each node on the example.
        labels: The labels of each node that was visited.

    Raises:
        DataError: If the network cannot be run on the example.
    """

    def __init__(self, module: fx.GraphModule, example: Batch) -> None:
        self.module = module
        self.modules = dict(module.named_modules())
        self.values = example_values(module, example)
        self.ties = Ties()
        self.labels: dict[fx.Node, Any] = {}
        self.parameters: dict[str, IndexedParameter] = {}
        self.norms: dict[fx.Node, Norm] = {}
        self.rewrites: dict[fx.Node, Rewrite] = {}
        self.targets: dict[fx.Node, Any] = {}
        self.tensors: dict[str, Renewal] = {}
        self.sizes: dict[fx.Node, Sequence[tuple[fx.Node, Ids | int | float]]] = {}
        self.attributes: list[tuple[str, str, Callable[[Count], Any]]] = []
        self.mixed: list[tuple[fx.Node, Ids, str]] = []
        self.rows: list[tuple[fx.Node, Ids]] = []
        self.means: list[tuple[fx.Node, Ids]] = []
        self.outputs: list[Ids] = []
        self.kept: list[Kept] = []
        self.spatial: list[tuple[Ids, Ids, Labels]] = []
        self._pending = {node: str(node.target) for node in module.graph.nodes if node.op == "get_attr"}

    # What rules ask ---------------------------------------------------------------------------------------------

    def argument(self, node: fx.Node, position: int, name: str, default: Any = None) -> Any:
        """Return an argument of a call by position or name, nodes unresolved."""
        return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)

    def value(self, item: Any) -> Any:
        """Return the example value of a node, or of a structure that may contain nodes."""
        return fx.map_arg(item, self.values.__getitem__)

    def target(self, node: fx.Node) -> nn.Module:
        """Return the module a node calls."""
        return self.modules[str(node.target)]

    def labels_of(self, node: fx.Node) -> Labels:
        """Return the labels of a node's value; a parameter used as a tensor is labelled along each of its axes."""
        if node in self._pending:
            name = self._pending.pop(node)
            value = fetch(self.module, name)
            arrays = []
            for axis, size in enumerate(value.shape):
                if size > 1 and (value.is_floating_point() or value.is_complex()):  # else it is an index or a mask
                    shape = [1] * value.ndim
                    shape[axis] = size
                    arrays.append(self.index(name, axis, None).reshape(shape))
            self.labels[node] = tuple(arrays)
        labels = self.labels[node]
        return labels if isinstance(labels, tuple) else ()

    def parameter_name(self, item: Any) -> str | None:
        """Return the name of the parameter a `get_attr` node stands for."""
        return str(item.target) if isinstance(item, fx.Node) and item.op == "get_attr" else None

    def axis_label(self, node: fx.Node, dim: int) -> Ids | None:
        """Return the channel indices along one axis of a node's value, or nothing if the axis is plain.

        Raises:
            UnsupportedOp: If the channels are spread over several axes, or two kinds of them lie along this one.
        """
        size = self.values[node].shape[dim]
        along = [x for x in self.labels_of(node) if x.shape[dim] == size and (size > 1 or x.size == 1)]
        for label in along:
            if label.size != size:
                raise self.unsupported(node, f"its channels are spread over several axes {label.shape}, one is read")
        drawn = [label for label in along if not self.is_frozen(label)]
        if len(drawn) > 1:
            raise self.unsupported(node, "its axis is made of pairs of channels; only single channels are read")
        return (drawn or along)[0].ravel() if along else None

    def unsupported(self, node: fx.Node, need: str) -> UnsupportedOp:
        """Return the error for a node that cannot be handled."""
        return unsupported(node, self.modules, need)

    # What rules declare -----------------------------------------------------------------------------------------

    def index(self, name: str, axis: int, ids: Ids | None) -> Ids:
        """Declare that an axis of a parameter is indexed by channels; new ones if none are given."""
        known = self._parameter(name)
        if axis not in known.index:
            own = self.ties.fresh(known.shape[axis]) if ids is None else np.ravel(ids)
            self.parameters[name] = replace(known, index={**known.index, axis: own})
            return own
        if ids is not None:
            self.ties.tie(known.index[axis], np.ravel(ids))
        return known.index[axis]

    def statistic(self, name: str, axis: int, ids: Ids) -> None:
        """Declare a buffer indexed by channels that is measured, not drawn."""
        self.index(name, axis, ids)
        self.parameters[name] = replace(self.parameters[name], statistic=True)

    def read(self, name: str, axis: int, node: fx.Node, source: fx.Node, dim: int, *, groups: int = 1) -> None:
        """Declare that an axis of a parameter reads an axis of an activation."""
        known = self._parameter(name)
        ids = self.axis_label(source, dim)
        size = self.values[source].shape[dim]
        if size != known.shape[axis] * groups:
            raise self.unsupported(
                node, f"parameter {name!r} reads {known.shape[axis]} × {groups} channels, but its input has {size}"
            )
        before = known.read
        if before is None:
            reader = Reader(name, axis, node, source, dim, groups, ids=ids)
            self.parameters[name] = replace(self.parameters[name], read=reader)
        elif ids is not None and before.ids is not None:
            self.ties.tie(ids, before.ids)
        else:  # one of the axes is plain: the channels of the other are read as if they were positions
            for shared in (ids, before.ids):
                if shared is not None:
                    self.ties.freeze(shared)

    def norm(self, node: fx.Node, source: fx.Node) -> None:
        """Declare a batch normalisation with statistics."""
        writers = [name for name, p in self.parameters.items() if p.read is not None and p.read.node is source]
        alone = len(source.users) == 1 and len(writers) == 1
        self.norms[node] = Norm(node, str(node.target), source, writers[0] if alone else None)

    def mixes(self, node: fx.Node, ids: Ids, why: str) -> None:
        """Declare that an operation combines channels, which only a space that is never resampled allows."""
        self.mixed.append((node, ids, why))

    def means_over(self, node: fx.Node, ids: Ids) -> None:
        """Declare that a sum over channels is a mean by itself: its terms are smaller where there are more."""
        self.means.append((node, ids))

    def same_width(self, node: fx.Node, rows: Ids) -> None:
        """Declare that the rows of an array of channels must stay of one length: drawn all of them, or none."""
        if len(rows) > 1:
            self.rows.append((node, rows))

    def maps_positions(self, written: Ids, read: Ids, others: Labels) -> None:
        """Declare a linear map along one axis of a value that has channels along others.

        If what it reads is frozen and the others are not, it is a map over positions, and what it writes is frozen too.
        """
        self.spatial.append((written, read, others))

    def rewrite(self, node: fx.Node, arguments: Rewrite, *, target: Any = None) -> None:
        """Declare how the constants of a node follow the number of channels, and what it calls once they change."""
        self.rewrites[node] = arguments
        if target is not None:
            self.targets[node] = target

    def renew(self, name: str, tensor: Renewal) -> None:
        """Declare how a constant tensor follows the number of channels."""
        self.tensors[name] = tensor

    def computed_sizes(self, node: fx.Node, sizes: Sequence[tuple[fx.Node, Ids | int | float]]) -> None:
        """Declare what computed sizes among the arguments of a node must be: numbers of channels, or as they are."""
        self.sizes[node] = sizes

    def attribute(self, module: str, name: str, value: Callable[[Count], Any]) -> None:
        """Declare how an attribute of a module follows the number of channels."""
        self.attributes.append((module, name, value))

    def keep(self, node: fx.Node, why: str) -> Any:
        """Keep trained whatever a node touches, its value being plain.

        Args:
            node: The operation.
            why: The module it stands in and the rule it would need, in one line.

        Returns:
            The labels of its value: none, for each of its tensors.
        """
        inputs = [source for source in node.all_input_nodes if source not in self._pending]
        labels = [np.ravel(label) for source in inputs for label in flat_labels(self.labels[source])]
        names = [str(source.target) for source in node.all_input_nodes if source.op == "get_attr"]
        if node.op == "call_module":
            module = self.target(node)
            names += [f"{node.target}.{name}" for name, _ in (*module.named_parameters(), *module.named_buffers())]
        self.freeze_late(Kept(node, why, np.concatenate([*labels, np.zeros(0, dtype=np.int64)]), tuple(names)))
        return _unlabelled(self.values[node])

    def put_out(self, ids: Ids) -> None:
        """Declare channels of the outputs, or of a layer that is a head: they are aligned, not drawn."""
        self.outputs.append(np.ravel(ids))
        self.ties.freeze(ids)

    def is_frozen(self, label: Ids) -> bool:
        """Whether channels are known by now to be kept trained."""
        return bool(self.ties.frozen_by_now(label).all())

    def freeze_late(self, kept: Kept) -> None:
        """Keep channels trained, and say why."""
        self.ties.freeze(kept.ids)
        self.kept.append(kept)

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Forget what a rule declared before it raised an error."""
        lists = [self.mixed, self.rows, self.means, self.spatial, self.attributes, self.kept, *self.ties.declared]
        lengths = [len(known) for known in lists]
        own = ("labels", "parameters", "norms", "rewrites", "targets", "tensors", "sizes", "_pending")
        before = {name: dict(getattr(self, name)) for name in own}
        try:
            yield
        except Exception:
            for known, length in zip(lists, lengths, strict=True):
                del known[length:]
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def tag_groups(self, ids: Ids, groups: int, mark: Hashable) -> None:
        """Mark channels by the group they fall in."""
        for g, part in enumerate(np.split(ids, groups)):
            self.ties.tag(part, (mark, g))

    def _parameter(self, name: str) -> IndexedParameter:
        if name not in self.parameters:
            self.parameters[name] = IndexedParameter(tuple(fetch(self.module, name).shape))
        return self.parameters[name]


def flat_labels(labels: Any) -> Iterator[Ids]:
    """Iterate over the labels of all tensors of a value."""
    if isinstance(labels, np.ndarray):
        yield labels
    else:
        for part in labels:
            yield from flat_labels(part)


def _unlabelled(value: Any) -> Any:
    return [_unlabelled(part) for part in value] if isinstance(value, (tuple, list)) else ()
