"""Propagation of channels through a traced network: rules applied node by node, giving ties, readers and norms.

The labels of a tensor are integer arrays of atoms that broadcast to its shape: a feature map ``(n, C, h, w)`` has one
of shape ``(1, C, 1, 1)``, and an axis that no label covers is a *plain* axis (the batch, positions, input pixels).
Reshaping, slicing, padding and concatenating tensors is doing the same to their labels.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from rainbownet.errors import ArchitectureError, UnsupportedOp
from rainbownet.graph.rules.elementwise import elementwise
from rainbownet.graph.rules.table import find_rule, operation_name
from rainbownet.graph.ties import Ids, Ties
from rainbownet.graph.trace import evaluate, example_values, fetch

Labels = tuple[Ids, ...]
Count = Callable[[Ids], int]
"""Number of channels an axis has after resizing, from its atoms."""


@dataclass
class Read:
    """One axis of a parameter that reads one axis of an activation.

    Attributes:
        node: The operation that reads.
        source: The node whose value is read.
        dim: The axis of that value, counted from the front.
        axis: The axis of the parameter.
        ids: Atoms along the axis of the value, or nothing where it is plain.
        groups: Number of equal groups the channels are read in.
    """

    node: fx.Node
    source: fx.Node
    dim: int
    axis: int
    ids: Ids | None
    groups: int = 1


@dataclass
class Parameter:
    """What is known of one parameter or buffer: which axes are indexed by channels, which one reads an activation."""

    name: str
    shape: tuple[int, ...]
    index: dict[int, Ids] = field(default_factory=dict)
    read: Read | None = None
    statistic: bool = False


@dataclass(frozen=True)
class Norm:
    """A batch normalisation: `writer` is the weight it directly follows, when it can be folded into it."""

    node: fx.Node
    name: str
    source: fx.Node
    writer: str | None


class Propagation:
    """The state rules read and write; see `rainbownet.graph.rules`.

    Args:
        module: A traced network.
        example: A batch of at least two inputs.

    Raises:
        UnsupportedOp: If an operation has no rule, naming the node, its module and the rule it would need.
    """

    def __init__(self, module: fx.GraphModule, example: Tensor) -> None:
        self.module = module
        self.modules = dict(module.named_modules())
        self.ties = Ties()
        self.labels: dict[fx.Node, Any] = {}
        self.parameters: dict[str, Parameter] = {}
        self.norms: dict[fx.Node, Norm] = {}
        self.rewrites: dict[fx.Node, Callable[[Count], tuple[tuple, dict]]] = {}
        self.attributes: list[tuple[str, str, Callable[[Count], Any]]] = []
        self.mixed: list[tuple[fx.Node, Ids, str]] = []
        self._pending: dict[fx.Node, str] = {}
        self.shapes: dict[fx.Node, Any] = {}
        self.values = example_values(module, example)
        for node in module.graph.nodes:
            self._visit(node)
        self.shapes = {node: _shape(value) for node, value in self.values.items()}
        del self.values

    def _visit(self, node: fx.Node) -> None:
        value = self.values[node]
        if node.op == "placeholder":
            self.labels[node] = ()
        elif node.op == "get_attr":
            self._pending[node] = str(node.target)
        elif node.op == "output":
            for result in node.all_input_nodes:
                for label in self.labels_of(result):
                    self.ties.freeze(label)
            self.labels[node] = ()
        elif not _has_tensor(value):
            self.labels[node] = ()
        else:
            rule = find_rule(node, self.modules)
            if rule is None and self._acts_elementwise(node):
                rule = elementwise
            if rule is None:
                raise self.unsupported(node, "no rule is known for it; give it one with rainbownet.graph.register")
            self.labels[node] = rule(self, node)

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
                if size > 1:
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
        """Return the atoms along one axis of a node's value, or nothing if the axis is plain.

        Raises:
            UnsupportedOp: If the channels are spread over several axes.
        """
        size = self.values[node].shape[dim]
        for label in self.labels_of(node):
            if label.shape[dim] == size and (size > 1 or label.size == 1):
                if label.size != size:
                    raise self.unsupported(
                        node, f"its channels are spread over several axes {label.shape}, one is read"
                    )
                return label.ravel()
        return None

    def unsupported(self, node: fx.Node, need: str) -> UnsupportedOp:
        """Return the error for a node that cannot be handled."""
        what = type(self.target(node)).__name__ if node.op == "call_module" else operation_name(node.target)
        place = self.module_path(node)
        return UnsupportedOp(f"node {node.name!r} ({what}) in module {place!r} is not supported: {need}")

    def module_path(self, node: fx.Node) -> str:
        """Return the path of the module whose forward made a node."""
        if node.op == "call_module":
            return str(node.target)
        stack = node.meta.get("nn_module_stack") or {}
        return str(next(reversed(stack))) if stack else "(root)"

    # What rules declare -----------------------------------------------------------------------------------------

    def index(self, name: str, axis: int, ids: Ids | None) -> Ids:
        """Declare that an axis of a parameter is indexed by channels; new ones if none are given."""
        known = self._parameter(name)
        if axis not in known.index:
            known.index[axis] = self.ties.fresh(known.shape[axis]) if ids is None else np.ravel(ids)
        elif ids is not None:
            self.ties.tie(known.index[axis], np.ravel(ids))
        return known.index[axis]

    def statistic(self, name: str, axis: int, ids: Ids) -> None:
        """Declare a buffer indexed by channels that is measured, not drawn."""
        self.index(name, axis, ids)
        self._parameter(name).statistic = True

    def read(self, name: str, axis: int, node: fx.Node, source: fx.Node, dim: int, *, groups: int = 1) -> None:
        """Declare that an axis of a parameter reads an axis of an activation."""
        known = self._parameter(name)
        ids = self.axis_label(source, dim)
        size = self.values[source].shape[dim]
        if size != known.shape[axis] * groups:
            raise ArchitectureError(
                f"parameter {name!r} reads {known.shape[axis]} × {groups} channels, but its input has {size}"
            )
        if known.read is None:
            known.read = Read(node, source, dim, axis, ids, groups)
        elif ids is not None and known.read.ids is not None:
            self.ties.tie(ids, known.read.ids)
        else:  # one of the axes is plain: the channels of the other are read as if they were positions
            for shared in (ids, known.read.ids):
                if shared is not None:
                    self.ties.freeze(shared)

    def norm(self, node: fx.Node, source: fx.Node) -> None:
        """Declare a batch normalisation with statistics."""
        writers = [p.name for p in self.parameters.values() if p.read is not None and p.read.node is source]
        alone = len(source.users) == 1 and len(writers) == 1
        self.norms[node] = Norm(node, str(node.target), source, writers[0] if alone else None)

    def mixes(self, node: fx.Node, ids: Ids, why: str) -> None:
        """Declare that an operation combines channels, which only a space that is never resampled allows."""
        self.mixed.append((node, ids, why))

    def rewrite(self, node: fx.Node, arguments: Callable[[Count], tuple[tuple, dict]]) -> None:
        """Declare how the constants of a node follow the number of channels."""
        self.rewrites[node] = arguments

    def attribute(self, module: str, name: str, value: Callable[[Count], Any]) -> None:
        """Declare how an attribute of a module follows the number of channels."""
        self.attributes.append((module, name, value))

    def tag_groups(self, ids: Ids, groups: int, mark: Hashable) -> None:
        """Mark channels by the group they fall in."""
        for g, part in enumerate(np.split(ids, groups)):
            self.ties.tag(part, (mark, g))

    def join(self, nodes: Sequence[fx.Node], shape: torch.Size) -> Labels:
        """Tie the labels of tensors combined elementwise by broadcasting, and return those of the result."""
        merged: dict[tuple[int, ...], Ids] = {}
        plain: list[tuple[fx.Node, Ids]] = []
        aligned = [(node, _aligned(label, len(shape))) for node in nodes for label in self.labels_of(node)]
        for node, label in aligned:
            axes = tuple(i for i, size in enumerate(label.shape) if size > 1)
            if not axes and any(size > 1 for size in shape[1:]):
                continue  # one channel spread over many: no tie
            if axes in merged:
                self.ties.tie(merged[axes], label)
            else:
                merged[axes] = label
            plain.append((node, label))
        for axes, label in merged.items():
            for other in nodes:
                own = tuple(self.values[other].shape)
                own = (1,) * (len(shape) - len(own)) + own
                covered = any(
                    node is other and tuple(i for i, s in enumerate(known.shape) if s > 1) == axes
                    for node, known in aligned
                )
                if not covered and axes and all(own[i] > 1 for i in axes):
                    self.ties.freeze(label)
        return tuple(merged.values())

    def _parameter(self, name: str) -> Parameter:
        if name not in self.parameters:
            self.parameters[name] = Parameter(name, tuple(fetch(self.module, name).shape))
        return self.parameters[name]

    def _acts_elementwise(self, node: fx.Node) -> bool:
        """Whether an unknown operation of one tensor acts entry by entry: it commutes with a shuffle of all entries."""
        tensors = [n for n in node.all_input_nodes if isinstance(self.values[n], Tensor)]
        if len(tensors) != 1 or not isinstance(self.values[node], Tensor):
            return False
        source = tensors[0]
        if self.values[source].shape != self.values[node].shape or not torch.is_floating_point(self.values[source]):
            return False
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(self.values[source].shape, generator=generator).to(self.values[source])
        order = torch.randperm(x.numel(), generator=generator).to(x.device)
        shuffled = x.flatten()[order].reshape(x.shape)
        direct, moved = self._call_with(node, source, x), self._call_with(node, source, shuffled)
        if direct is None or moved is None or direct.shape != x.shape:
            return False
        return torch.allclose(direct.flatten()[order].reshape(x.shape), moved, atol=1e-5, equal_nan=True)

    def _call_with(self, node: fx.Node, source: fx.Node, value: Tensor) -> Tensor | None:
        try:
            return evaluate(self.module, node, {**self.values, source: value}, self.modules)
        except (RuntimeError, ValueError, TypeError):
            return None


def _aligned(label: Ids, ndim: int) -> Ids:
    return label.reshape((1,) * (ndim - label.ndim) + label.shape)


def _has_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value))


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return [_shape(v) for v in value] if isinstance(value, (tuple, list)) else value
