"""Batch norms of exported programs, whose modules hold the tensors of one and nothing else."""

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, fx, nn

from rainbownet.graph.nodes import fetch

_CLASSES = {4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
"""The class by the number of axes of what it normalises."""


def with_held_norms(root: nn.Module, graph: fx.Graph, values: Mapping[fx.Node, Tensor]) -> None:
    """Put batch norms in the place of modules that hold the tensors that `F.batch_norm` is called with, in place.

    Args:
        root: The module of the program.
        graph: Its graph, of functions of torch.
        values: Examples of what its nodes give, of which the number of axes counts.
    """
    for node in graph.nodes:
        tensors = node.args[1:5] if node.target is F.batch_norm else ()
        if not tensors or not all(isinstance(part, fx.Node) and part.op == "get_attr" for part in tensors):
            continue
        owner = str(tensors[0].target).rpartition(".")[0]
        held: Any = fetch(root, owner)
        cls = _CLASSES.get(values[node].ndim, nn.BatchNorm1d)
        norm = cls(len(held.running_mean), eps=node.args[7], momentum=node.args[6])
        norm._parameters.update(held._parameters)
        norm._buffers.update(held._buffers)
        path, _, leaf = owner.rpartition(".")
        setattr(fetch(root, path) if path else root, leaf, norm.eval())
