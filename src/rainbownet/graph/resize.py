"""Resizing: the same module with other numbers of neurons, its constants included."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, fx, nn

from rainbownet.errors import ArchitectureError
from rainbownet.graph.exported import CONSTANT
from rainbownet.graph.inputs import Batch, given
from rainbownet.graph.module import graph_module
from rainbownet.graph.nodes import evaluate_checked, fetch
from rainbownet.graph.population import Owners
from rainbownet.graph.private import private_copy
from rainbownet.graph.propagate import Propagation
from rainbownet.graph.ties import Ids


class Counter:
    """Counts the channels an axis has after resizing.

    The boundary before neuron `x` of a population moves to `round(factor · x)`, the same on every axis, so that parts
    of a population that are padded, sliced or concatenated keep matching.

    Args:
        neuron: The neuron class of each channel index.
        owners: Where each neuron is found.
        factors: The factor of each population.

    Attributes:
        resizes: Whether any factor is other than 1.
    """

    def __init__(self, neuron: Ids, owners: Owners, factors: Sequence[float]) -> None:
        self._neuron, self._owners = neuron, owners
        self._factors = np.array([*factors, 1.0])
        self.resizes = any(factor != 1 for factor in factors)

    def __call__(self, ids: Ids) -> int:
        """Return the new number of channels along an axis with these channel indices.

        Raises:
            ArchitectureError: If no channel would be left.
        """
        if not len(ids):
            return 0
        roots = self._neuron[np.ravel(ids)]
        starts = np.flatnonzero(np.concatenate([[True], roots[1:] != roots[:-1]]))
        repeats = np.diff(np.concatenate([starts, [len(roots)]]))
        heads = roots[starts]
        population, rank = self._owners.population[heads], self._owners.number[heads]
        factor = self._factors[population]
        broken = (population[1:] != population[:-1]) | (rank[1:] != rank[:-1] + 1) | (repeats[1:] != repeats[:-1])
        first = np.flatnonzero(np.concatenate([[True], broken]))
        last = np.concatenate([first[1:], [len(heads)]]) - 1
        low = np.floor(factor[first] * rank[first] + 0.5)
        high = np.floor(factor[last] * (rank[last] + 1) + 0.5)
        unowned = population[first] < 0
        sizes = np.where(unowned, last - first + 1, high - low).astype(np.int64)
        total = int((sizes * repeats[first]).sum())
        if total < 1:
            raise ArchitectureError(
                f"width {factor[first][0]:g} leaves zero channels in a part of {len(ids)} channels that is padded, "
                "sliced or concatenated on its own"
            )
        return total

    def each(self, ids: Ids) -> Ids:
        """Return how many new channels each of some channel indices becomes."""
        roots = self._neuron[np.ravel(ids)]
        population, rank = self._owners.population[roots], self._owners.number[roots]
        factor = self._factors[population]
        new = np.floor(factor * (rank + 1) + 0.5) - np.floor(factor * rank + 0.5)
        return np.where(population < 0, 1, new).astype(np.int64)


def resized_module(
    root: nn.Module, traced: fx.GraphModule, p: Propagation, count: Counter, example: Batch
) -> tuple[nn.Module, fx.GraphModule]:
    """Return a copy of a module, and of its graph, with parameters and constants resized.

    Args:
        root: The module.
        traced: Its graph.
        p: What is known of its channels.
        count: The new numbers of channels.
        example: Inputs, to see which sizes the code computes.

    The copy is of the user's class, unless constants written in its code depend on the width; then it is the graph
    module.
    """
    new_root = private_copy(root)
    for name, parameter in p.parameters.items():
        shape = list(parameter.shape)
        for axis, ids in parameter.index.items():
            shape[axis] = count(ids)
        if parameter.read is not None and parameter.read.ids is not None:
            shape[parameter.read.axis] = count(parameter.read.ids) // parameter.read.groups
        _replace(new_root, name, torch.zeros(shape, dtype=fetch(root, name).dtype))
    for module, attribute, value in p.attributes:
        setattr(fetch(new_root, module), attribute, value(count))
    if count.resizes:
        for name, tensor in p.tensors.items():
            _replace(new_root, name, tensor(count))
    new_traced = _traced(new_root, traced)
    changed = [_rewrite(new_traced, p, count), _correct_sizes(new_traced, p, count, example)]
    # Modules that are traced through, written out, have no code of other widths; constants of code no other channels.
    written_out = count.resizes and any(isinstance(m, nn.MultiheadAttention) for m in new_root.modules())
    constant = any(name.startswith(CONSTANT) for own in p.populations if not own.frozen for name in own.slots)
    if any(changed) or written_out or constant or (count.resizes and p.tensors):
        return new_traced, new_traced
    return new_root, new_traced


def copied_module(root: nn.Module, traced: fx.GraphModule) -> tuple[nn.Module, fx.GraphModule]:
    """Return a copy of a module and of its graph, which share parameters."""
    new_root = private_copy(root)
    return new_root, _traced(new_root, traced)


def _traced(root: nn.Module, traced: fx.GraphModule) -> fx.GraphModule:
    if isinstance(root, fx.GraphModule):
        return root
    graph = fx.Graph()
    graph.output(graph.graph_copy(traced.graph, {}))
    return graph_module(root, graph)


def _rewrite(new: fx.GraphModule, p: Propagation, count: Counter) -> bool:
    """Set the constants of a copied graph; return whether any changed."""
    if not count.resizes:
        return False
    nodes = {node.name: node for node in new.graph.nodes}
    changed = False
    for node, arguments in p.rewrites.items():
        args, kwargs = arguments(count)
        if (args, kwargs) != (node.args, dict(node.kwargs)):
            changed = True
            nodes[node.name].args = fx.map_arg(args, lambda n: nodes[n.name])
            nodes[node.name].kwargs = fx.map_arg(kwargs, lambda n: nodes[n.name])
            nodes[node.name].target = p.targets.get(node, node.target)
    if changed:
        new.recompile()
    return changed


@torch.no_grad()
def _correct_sizes(new: fx.GraphModule, p: Propagation, count: Counter, example: Batch) -> bool:
    """Put what computed sizes must be in the place of those that are not; return whether any was."""
    if not count.resizes or not p.sizes:
        return False
    wanted = {node.name: sizes for node, sizes in p.sizes.items()}
    nodes = {node.name: node for node in new.graph.nodes}
    modules, env, changed = dict(new.named_modules()), {}, False
    for node in nodes.values():
        for size, ids in wanted.get(node.name, ()):
            computed, right = nodes[size.name], ids if isinstance(ids, (int, float)) else count(ids)
            if env[computed] not in (right, -1):
                node.args = fx.map_arg(node.args, lambda n, c=computed, right=right: right if n is c else n)
                changed = True
        if node.op == "placeholder":
            env[node] = given(example, node)
        else:
            env[node] = evaluate_checked(new, node, env, modules, example)
    if changed:
        new.recompile()
    return changed


def _replace(module: nn.Module, name: str, value: Tensor) -> None:
    """Put a tensor in the place of a parameter or buffer of a module."""
    owner, _, leaf = name.rpartition(".")
    parent = fetch(module, owner) if owner else module
    if leaf in parent._parameters:
        setattr(parent, leaf, nn.Parameter(value, requires_grad=False))  # recurrent layers keep a list of theirs
    else:
        parent._buffers[leaf] = value
