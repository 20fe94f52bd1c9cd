"""The limit network: a module whose layers are infinitely wide, and the kernels of these layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, fx, nn

from rainbownet.errors import RainbowError
from rainbownet.graph.nodes import evaluate, fetch
from rainbownet.limit.file import LimitParts, read, write
from rainbownet.limit.layers import LimitLayer

_REMEMBERED = 1 << 30
"""Bytes of coordinates that a Gram matrix keeps so as not to compute them once per block."""


class LimitNetwork(nn.Module):
    """The network that samples of a rainbow tend to as their width grows.

    Made by `rainbow.limit` or `load_limit`. It takes what the trained network takes and returns what it returns.

    Args:
        network: The traced network, its layers of infinite width in place.
        paths: By the name of each layer, in order of execution, the name of its module in `network`.
        table: A row per layer: reference channels, coordinates, landmarks, features, rows, and on held-out images
            (where there are any) the share of the kernel's energy explained by the landmarks, the relative error of the
            map to the reference's channels, and the cosine after it.
        provenance: How it was computed.
        ends: By the name of each layer, the operation of the traced reference that returns what the layer tends to.
    """

    def __init__(
        self,
        network: fx.GraphModule,
        paths: Mapping[str, str],
        table: pd.DataFrame,
        provenance: dict[str, Any],
        ends: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.network = network
        self.paths, self.table, self.provenance, self.ends = dict(paths), table, provenance, dict(ends)

    @property
    def layers(self) -> dict[str, LimitLayer]:
        """The layers of infinite width, by the name of the trained layer, in order of execution."""
        return {name: fetch(self.network, path) for name, path in self.paths.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for a batch of inputs."""
        return self.network(x)

    @torch.no_grad()
    def coordinates(self, x: Tensor, layer: str | None = None) -> Tensor:
        """Return the white coordinates that a layer receives: its pre-activation is Gaussian with these.

        Args:
            x: Inputs.
            layer: Name of the layer; the last one by default.

        Raises:
            RainbowError: If there is no such layer.
        """
        path = self.paths[self._known(layer)]
        env: dict[fx.Node, Any] = {}
        modules = dict(self.network.named_modules())
        for node in self.network.graph.nodes:
            if node.op == "call_module" and node.target == path:
                return env[node.all_input_nodes[0]]
            env[node] = x if node.op == "placeholder" else evaluate(self.network, node, env, modules)
        raise AssertionError("every layer is in the graph")

    def kernel(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        layer: str | None = None,
        block: int = 256,
        progress: Callable[[int, int], object] | None = None,
    ) -> Float[Tensor, "n k"]:
        """Return the kernel of a layer between inputs: the expected product of two activations of a neuron.

        Over positions it is summed, which is the inner product of feature maps. It is exact for the layer, not a
        Nyström approximation; the layers before it are those of this network. One block of the kernel is in memory
        beside the result, and up to 1 GiB of coordinates, never all positions of all pairs.

        Args:
            x: Inputs.
            y: Other inputs; without them the matrix of `x`, its upper half computed once and mirrored.
            layer: Name of the layer; the last one by default.
            block: Inputs in a block.
            progress: Called after each block with the number of blocks done and of all blocks.

        Returns:
            The matrix in float64.

        Raises:
            RainbowError: If there is no such layer, or `block` is not positive.
        """
        if block < 1:
            raise RainbowError(f"block: got {block}; a block has at least one input")
        name = self._known(layer)
        found = self.layers[name]
        columns = x if y is None else y
        out = torch.empty(len(x), len(columns), dtype=torch.float64, device=x.device)
        starts = range(0, len(x), block), range(0, len(columns), block)
        total = sum(1 for i in starts[0] for j in starts[1] if y is not None or j >= i)
        read = _Reread(columns, block, lambda part: self._positions(part, name))
        done = 0
        for i in starts[0]:
            left = self._positions(x[i : i + block], name) if y is not None else read(i)
            for j in starts[1]:
                if y is None and j < i:
                    continue
                right = read(j)
                values = out[i : i + block, j : j + block].zero_()
                for p in range(left.shape[1]):
                    values += found.kernel(left[:, p], right[:, p])
                if y is None and i != j:
                    out[j : j + block, i : i + block] = values.T
                done += 1
                if progress is not None:
                    progress(done, total)
        return out

    def save(self, path: str | PathLike[str]) -> int:
        """Write the network to one safetensors file, atomically; see `save_limit`."""
        return save_limit(self, path)

    def _positions(self, x: Tensor, layer: str) -> Float[Tensor, "b p s"]:
        z = self.coordinates(x, layer).movedim(self.layers[layer].dim, -1)
        return z.reshape(len(z), -1, z.shape[-1])

    def _known(self, layer: str | None) -> str:
        if layer is None:
            return list(self.paths)[-1]
        if layer not in self.paths:
            raise RainbowError(f"layer: no layer {layer!r} of infinite width; there are {list(self.paths)}")
        return layer


def save_limit(limit: LimitNetwork, path: str | PathLike[str]) -> int:
    """Write a limit network to a file.

    The file holds its parameters, landmarks included, and its operations by name.

    Args:
        limit: What to write.
        path: Where.

    Returns:
        Size of the file in bytes.

    Raises:
        FileError: If it cannot be written; nothing is left behind.
        UnsupportedOp: If it holds a module that is not one of torch.nn.
    """
    return write(LimitParts(limit.network, limit.paths, limit.table, limit.provenance, limit.ends), path)


def load_limit(path: str | PathLike[str]) -> LimitNetwork:
    """Read a limit network.

    Args:
        path: A file written by `LimitNetwork.save`.

    Returns:
        The network, in evaluation mode, equal to the one that was saved bit by bit.

    Raises:
        FileError: If the file is missing, damaged, not a limit network, of a newer format, or names what is not on the
            closed list.
    """
    return LimitNetwork(*read(path)).eval()


class _Reread:
    """Coordinates of blocks of inputs: remembered as long as they fit into memory, else computed again."""

    def __init__(self, inputs: Tensor, block: int, compute: Callable[[Tensor], Tensor]) -> None:
        self.inputs, self.block, self.compute = inputs, block, compute
        self.known: dict[int, Tensor] = {}
        self.left = _REMEMBERED

    def __call__(self, start: int) -> Tensor:
        if start in self.known:
            return self.known[start]
        found = self.compute(self.inputs[start : start + self.block])
        size = found.element_size() * found.numel()
        if size <= self.left:
            self.known[start] = found.contiguous()
            self.left -= size
        return found
