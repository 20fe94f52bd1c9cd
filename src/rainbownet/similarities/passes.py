"""Passes over the stimuli: sums of as many pairs of layers as the budget holds, and the patterns of some stimuli."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import AlignmentError, RainbowError, RainbowWarning
from rainbownet.similarities.rdms import dissimilarities, rank_correlations
from rainbownet.similarities.rows import Group, Layer, Rows, as_real
from rainbownet.similarities.sides import Side
from rainbownet.similarities.sums import Sums
from rainbownet.walk import AlignmentImages

BATCH = 256
"""Stimuli that go through a module at a time."""


@dataclass(frozen=True)
class Part:
    """Some layers of a group: those whose sums are held in one pass.

    Attributes:
        group: Number of the group.
        how: How its rows are made.
        a: Numbers of the layers of the first side.
        b: Those of the second.
    """

    group: int
    how: str
    a: tuple[int, ...]
    b: tuple[int, ...]


def split_passes(groups: Sequence[Group], rows: Rows, budget: int, *, twice: bool) -> list[list[Part]]:
    """Divide the pairs of layers over passes whose sums fit a budget.

    Args:
        groups: All groups.
        rows: Widths of rows.
        budget: Bytes of sums.
        twice: Whether held-out stimuli have sums of their own.

    Returns:
        The parts of each pass.

    Raises:
        RainbowError: If a single pair of layers does not fit.
    """

    def size(part: Part) -> int:
        a, b = [rows.width(rows.a[i], part.how) for i in part.a], [rows.width(rows.b[j], part.how) for j in part.b]
        return Sums.bytes(a, b) * (2 if twice else 1)

    waiting = [Part(k, group.how, group.a, group.b) for k, group in enumerate(groups)]
    fitting: list[Part] = []
    while waiting:
        part = waiting.pop(0)
        if size(part) <= budget:
            fitting.append(part)
        elif len(part.a) == len(part.b) == 1:
            raise RainbowError(
                f"budget: the moments of layers {rows.a[part.a[0]].name!r} and {rows.b[part.b[0]].name!r} alone take "
                f"{size(part)} bytes, the budget is {budget}; lower most_channels or raise budget"
            )
        elif len(part.a) >= len(part.b):
            half = len(part.a) // 2
            waiting[:0] = [Part(part.group, part.how, a, part.b) for a in (part.a[:half], part.a[half:])]
        else:
            half = len(part.b) // 2
            waiting[:0] = [Part(part.group, part.how, part.a, b) for b in (part.b[:half], part.b[half:])]
    passes: list[list[Part]] = [[]]
    held = 0
    for part in fitting:
        if passes[-1] and held + size(part) > budget:
            passes.append([])
            held = 0
        passes[-1].append(part)
        held += size(part)
    return passes


def read(
    sides: Sequence[Side],
    images: AlignmentImages,
    parts: Sequence[Part],
    rows: Rows,
    patterns: Patterns | None,
    centred: bool,
    progress: Callable[[int, int], object] | None,
) -> list[tuple[Sums, Sums]]:
    """Read the stimuli once.

    Args:
        sides: The two sides.
        images: The stimuli.
        parts: Pairs of layers to sum.
        rows: How rows are made.
        patterns: Where to keep patterns, in the pass that does.
        centred: Whether means are subtracted.
        progress: Called with the stimuli read and how many there may be.

    Returns:
        Sums over the fitted and over the held-out stimuli, for each part.

    Raises:
        AlignmentError: If activations are not finite, naming the layer.
    """
    first = images.example[:BATCH]
    values = [list(side.activations(first, torch.arange(len(first))).values()) for side in sides]
    sums: list[tuple[Sums, Sums]] = []
    for part in parts:
        made = _made(values, rows, part)
        widths = [[r.shape[1] for r in side] for side in made]
        both = [Sums(*widths, centred=centred, device=made[0][0].device).about(*made) for _ in range(2)]
        sums.append((both[0], both[1]))
    limit = float("inf") if images.max_images is None else images.max_images
    for chunk in images.chunks(BATCH, limit=limit, every=images.every, seen=progress):
        values = [list(side.activations(chunk.inputs, chunk.numbers).values()) for side in sides]
        if patterns is not None:
            patterns.add(values)
        for part, (fitting, holding) in zip(parts, sums, strict=True):
            made = _made(values, rows, part)
            fitted = len(made[0][0]) // len(chunk.inputs) * chunk.fitted
            fitting.update(*([r[:fitted] for r in side] for side in made))
            holding.update(*([r[fitted:] for r in side] for side in made))
    done = [(fitted.all_reduce(), held.all_reduce()) for fitted, held in sums]
    for part, both in zip(parts, done, strict=True):
        for one in both:
            for name, layers, chosen, own in (("a", rows.a, part.a, one.x), ("b", rows.b, part.b, one.y)):
                for i, norm in zip(chosen, own.norms.tolist(), strict=True):
                    if not math.isfinite(norm):
                        raise AlignmentError(_not_finite(name, layers[i]))
    return done


def _made(values: Sequence[Sequence[Tensor]], rows: Rows, part: Part) -> list[list[Tensor]]:
    """Return the rows of the layers of a part, side by side, on the device of the first."""
    made = [
        [rows.of(own[i], layers[i], part.how) for i in chosen]
        for own, layers, chosen in zip(values, (rows.a, rows.b), (part.a, part.b), strict=True)
    ]
    return [made[0], [r.to(made[0][0].device) for r in made[1]]]


def _not_finite(side: str, layer: Layer) -> str:
    return f"{side}: activations of layer {layer.name!r} are not finite (NaN or Inf)"


class Patterns:
    """Whole patterns of the first stimuli, all channels and positions, for the dissimilarities between them.

    Args:
        rows: The layers.
        stimuli: How many stimuli; fewer where their patterns would exceed the budget.
        budget: Bytes of patterns.
    """

    def __init__(self, rows: Rows, stimuli: int, budget: int) -> None:
        each = 4 * sum(layer.size for layer in (*rows.a, *rows.b))
        self.count, self._most = 0, min(stimuli, budget // each)
        if self._most < 4:
            raise RainbowError(
                f"budget: the patterns of four stimuli take {4 * each} bytes, the budget is {budget}; raise it, choose "
                "fewer layers, or leave 'rsa' out of measures"
            )
        if self._most < stimuli:
            warnings.warn(
                f"rsa: {self._most} stimuli instead of {stimuli}: their patterns fill the budget of {budget} bytes",
                RainbowWarning,
                stacklevel=3,
            )
        self._layers = rows.a, rows.b
        self._kept: list[list[list[Tensor]]] = [[[] for _ in side] for side in (rows.a, rows.b)]

    def add(self, values: Sequence[Sequence[Tensor]]) -> None:
        """Keep the patterns of a batch, as long as there is room."""
        room = self._most - self.count
        if room > 0:
            for name, layers, kept, side in zip("ab", self._layers, self._kept, values, strict=True):
                for own, layer, value in zip(kept, layers, side, strict=True):
                    patterns = as_real(value[:room]).flatten(1).to("cpu", torch.float32)
                    if not torch.isfinite(patterns).all():
                        raise AlignmentError(_not_finite(name, layer))
                    own.append(patterns)
            self.count += min(room, len(values[0][0]))

    def correlations(self) -> dict[tuple[int, int], float]:
        """Return Spearman's correlation of the dissimilarities of every pair of layers."""
        found: list[list[Float[Tensor, " m"]]] = [
            [dissimilarities(torch.cat(layer)) for layer in side] for side in self._kept
        ]
        values = rank_correlations(*found)
        return {(i, j): float(values[i, j]) for i in range(values.shape[0]) for j in range(values.shape[1])}
