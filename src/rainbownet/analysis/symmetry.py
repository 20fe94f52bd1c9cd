r"""Symmetry (R, Theorem 3): how far layers are equivariant, and whether the laws of their weights commute with it.

A symmetry `g` of images moves positions and may mix channels: features are equivariant as far as
:math:`φ(gx) ≈ g\,ρ\,φ(x)`, `g` moving positions and an orthogonal :math:`ρ` mixing channels. The theorem asks that the
covariance of the weights that read them commutes with it; kernels, the infinite-width network and wide samples are then
invariant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from rainbownet.aligned.basis import Flatten, read_through
from rainbownet.aligned.compare import rows_read
from rainbownet.aligned.pairs import PairMoments, halves, read_rows, rotation
from rainbownet.aligned.polar import polar_factor
from rainbownet.analysis.groups import Action
from rainbownet.checks import seed_of
from rainbownet.errors import AlignmentError, DataError
from rainbownet.graph import Network, Reader
from rainbownet.graph.inputs import Batch
from rainbownet.graph.nodes import evaluate
from rainbownet.walk import HOLDOUT, AlignmentImages
from rainbownet.walk.plan import chunk_size

CHANNELS: Flatten = "channels"


def symmetry(
    net: nn.Module,
    action: Action,
    loader: Any,
    *,
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    seed: int = 0,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    r"""Measure the symmetry of a network layer by layer: of its features, and of the weights that read them.

    Args:
        net: A network that can be traced.
        action: What is done to images: `Flip()`, `QuarterTurns(1)`, `Shift(right=2)`.
        loader: Yields inputs or (inputs, targets); see `AlignmentImages`.
        max_images: Images to read.
        holdout: Share of the images that is kept to measure the rotation.
        seed: Of the random rotations.
        budget: Bytes of activations held in memory.
        device: Where to compute; that of the loader's images by default.
        progress: Called with the images seen and how many there may be.

    Returns:
        A row per layer that reads an activation, in order of execution:

        - `layer`, `channels`, `rows`, `held_rows`;
        - `error`: :math:`E\|ρφ(x) - g^{-1}φ(gx)\|^2 / E\|φ\|^2` on held-out images (on all of them without any), the
            rotation :math:`ρ` found on the others; `unmixed`: the same for :math:`ρ = Id`;
        - `commutator`: :math:`\|ρCρ^⊤ - C\|_F / \|C\|_F`, with the covariance `C` of the rows of the layer's weight,
            and `g` acting on the positions of its kernels; `commutator_random`: the same for a random rotation.

        NaN where positions cannot be moved, such as a shift by half a pixel of a small map.

    Raises:
        ArchitectureError: If the network cannot be traced.
        AlignmentError: If activations are dead or not finite, or images are not square and are turned.
        DataError: If the loader is empty or does not fit the network.

    Example:
        >>> from rainbownet.analysis.groups import Flip
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
        >>> table = symmetry(net, Flip(), [torch.randn(64, 1, 8, 8, generator=generator)])
        >>> table[["layer", "error", "unmixed", "commutator"]].round(4)
          layer  error  unmixed  commutator
        0     0    0.0      0.0         0.0
        1     2    0.0      0.0         0.0
    """
    generator = torch.Generator().manual_seed(seed_of(seed))
    images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
    network = Network(net, images.example)
    pairs = channel_pairs(network, action, images, progress=progress)
    rows = []
    for reader in network.readers:
        pair = pairs[reader.parameter]
        row: dict[str, Any] = {"layer": reader.layer, "channels": reader.channels}
        nothing = dict.fromkeys(("error", "unmixed", "commutator", "commutator_random"), math.nan)
        if pair is None:
            rows.append(row | {"rows": 0, "held_rows": 0} | nothing)
            continue
        maps = _mixing(reader, pair)
        eye = torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device).expand_as(maps)
        fitted, held = pair.quality(maps)
        plain = pair.quality(eye)
        found = [q.error for q in held or fitted]
        unmixed = [q.error for q in plain[1] or plain[0]]
        noise = torch.randn(maps.shape, generator=generator, dtype=torch.float64).to(maps.device)
        random = torch.stack([polar_factor(matrix) for matrix in noise]).to(maps.dtype)
        weight = network.parameters[reader.parameter]
        rows.append(
            row
            | {
                "rows": fitted[0].rows,
                "held_rows": held[0].rows if held else 0,
                "error": sum(found) / len(found),
                "unmixed": sum(unmixed) / len(unmixed),
                "commutator": _commutator(weight, reader, maps, action),
                "commutator_random": _commutator(weight, reader, random, action),
            }
        )
    return pd.DataFrame(rows)


def _pictures(batch: Batch) -> Tensor:
    if not isinstance(batch, Tensor):
        raise DataError(
            f"loader yields inputs by name ({', '.join(batch.tensors)}); a symmetry moves one tensor of images"
        )
    return batch


def channel_pairs(
    network: Network,
    action: Action,
    images: AlignmentImages,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, PairMoments | None]:
    r"""Return the moments of what every reader sees of an image and of the moved image, positions moved back.

    Args:
        network: A traced network.
        action: What is done to images.
        images: The images.
        progress: Called with the images seen and how many there may be.

    Returns:
        By the name of the reading parameter, pairs of :math:`g^{-1}φ(gx)` and :math:`φ(x)`; None where positions cannot
        be moved.
    """
    grids = {reader.parameter: grid_of(network, reader) for reader in network.readers}
    side = tuple(int(size) for size in _pictures(images.example).shape[-2:])
    movable = [r for r in network.readers if grids[r.parameter] is None or action.fits(side, grids[r.parameter])]
    pairs: dict[str, PairMoments | None] = {r.parameter: None for r in network.readers}
    pairs |= {reader.parameter: PairMoments(reader.layer) for reader in movable}
    size = chunk_size([network, network], images.budget)
    for chunk in images.chunks(size, limit=images.limit([network]), every=images.every, seen=progress):
        still = _pictures(chunk.inputs)
        values = [_sources(network, x) for x in (still, action.move(still))]
        for reader in movable:
            before, after = (own[reader.source] for own in values)
            after = _moved_back(after, reader, action, side, grids[reader.parameter])
            real = not network.parameters[reader.parameter].is_complex()
            pair = pairs[reader.parameter]
            assert pair is not None
            for held, part in halves(chunk.fitted, len(before)):
                left, right = (read_rows(v[part], reader, CHANNELS, real=real) for v in (after, before))
                pair.add(left, right, held=held)
    return pairs


def mixings(network: Network, pairs: dict[str, PairMoments | None]) -> dict[str, Inexact[Tensor, "g d e"]]:
    """Return the orthogonal mixing of channels of every reader, the identity where channels are never mixed.

    Raises:
        AlignmentError: If the positions of an activation cannot be moved.
    """
    found = {}
    for reader in network.readers:
        pair = pairs[reader.parameter]
        if pair is None:
            raise AlignmentError(f"layer {reader.layer!r}: the action does not move the positions of what it reads")
        found[reader.parameter] = _mixing(reader, pair)
    return found


def moved_weight(
    weight: Inexact[Tensor, "..."], reader: Reader, maps: Inexact[Tensor, "g d e"], action: Action
) -> Inexact[Tensor, "..."]:
    """Return the weight that does to images what a given one does to moved images: channels mixed, kernels moved."""
    return _moved_kernel(read_through(weight, reader, maps), reader, action)


def grid_of(network: Network, reader: Reader) -> tuple[int, int] | None:
    """Return the positions of what a reader reads, `(height, width)`; None without any."""
    shape = network.shapes[reader.source]
    if len(shape) == 4 and reader.dim == 1:
        return (int(shape[2]), int(shape[3]))
    side = math.isqrt(reader.inner)
    return (side, side) if reader.inner > 1 and side * side == reader.inner else None


def _mixing(reader: Reader, pair: PairMoments) -> Tensor:
    maps = pair.solve(rotation)
    # Channels that no sample changes, such as colours, have a basis of their own: nothing mixes them.
    return torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device).expand_as(maps) if reader.frozen else maps


def _sources(network: Network, inputs: Tensor) -> dict[Any, Tensor]:
    wanted = {reader.source for reader in network.readers}
    env: dict[Any, Any] = {}
    with torch.no_grad():
        for node in network.traced.graph.nodes:
            env[node] = inputs if node.op == "placeholder" else evaluate(network.traced, node, env, network.modules)
    return {node: env[node] for node in wanted}


def _moved_back(
    value: Tensor, reader: Reader, action: Action, side: tuple[int, ...], grid: tuple[int, int] | None
) -> Tensor:
    if grid is None:
        return value
    if value.ndim == 4 and reader.dim == 1:
        return action.move_back(value, side)
    flat = value.movedim(reader.dim, -1)
    maps = flat.unflatten(-1, (reader.outer * reader.channels, *grid))
    return action.move_back(maps, side).flatten(-3).movedim(-1, reader.dim)


def _moved_kernel(weight: Tensor, reader: Reader, action: Action) -> Tensor:
    if weight.ndim == 4:
        return action.move_kernel(weight)
    side = math.isqrt(reader.inner)
    if reader.inner > 1 and side * side == reader.inner:
        moved = weight.movedim(reader.axis, -1).unflatten(-1, (-1, side, side))
        return action.move_kernel(moved).flatten(-3).movedim(-1, reader.axis)
    return weight


def _commutator(weight: Tensor, reader: Reader, maps: Tensor, action: Action) -> float:
    r"""Return :math:`\|C' - C\|_F/\|C\|_F` from Gram matrices of rows, the covariances themselves never formed."""
    own, other = (rows_read(w, reader) for w in (weight, moved_weight(weight.to(maps.dtype), reader, maps, action)))
    return _distance(own, other)


def _distance(own: Inexact[Tensor, "n D"], other: Inexact[Tensor, "n D"]) -> float:
    def inner(x: Tensor, y: Tensor) -> Float[Tensor, ""]:
        return (x @ y.mH).abs().square().sum()

    square = inner(own, own)
    return math.sqrt(max((square - 2 * inner(own, other) + inner(other, other)).item(), 0.0) / square.item())
