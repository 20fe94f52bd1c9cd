"""Comparison: did two networks learn the same? Activations up to a rotation, and covariances of weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Inexact
from torch import Tensor, fx, nn

from rainbownet.aligned import Procrustes, alignment_quality, polar_factor
from rainbownet.aligned.basis import FLATTENS, Flatten, channel_rows, map_size, read_through
from rainbownet.checks import one_of, seed_of
from rainbownet.errors import RainbowWarning
from rainbownet.graph import Network, Reader
from rainbownet.moments import CrossMoment
from rainbownet.spectra.measures import bures_cosine, effective_rank
from rainbownet.walk import HOLDOUT, AlignmentImages, Chunk, Visitor

_Key = tuple[fx.Node, int, int]


def compare(
    a: nn.Module,
    b: nn.Module,
    loader: Any,
    *,
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    seed: int = 0,
    flatten: Flatten = "channels",
    budget: int | str | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    r"""Compare two networks layer by layer, up to a rotation of the channels that each layer reads.

    With the Procrustes map `A` from the channels of `b` to those of `a` (R6), activations are compared by their
    similarity :math:`\mathrm{Re}\,E⟨A z_b, z_a⟩` in units of both energies, and by the relative error of (R7).
    Weights are compared by the Bures cosine of the uncentred covariances of their rows (Guth & Ménard, 2024,
    section 3), those of `b` as they are, brought to the channels of `a` by the same rotation (R16), and rotated at
    random: the zero of that scale.

    Args:
        a: The network whose channels are the basis.
        b: A network of the same operations; its widths may differ.
        loader: Yields inputs or (inputs, targets); see `AlignmentImages`.
        max_images: Images to read; by default 4096, more where the width asks for it, fewer where the loader ends.
        holdout: Share of the images that is kept to measure the alignment, at most one half.
        seed: Seed of the random rotations.
        flatten: At a flatten, whether rotations act on channels or on all features.
        budget: Bytes of activations held in memory.
        device: Where to compute; that of the loader's images by default.
        progress: Called with the images read and those there may be.

    Returns:
        A row per layer that reads neurons, in order of execution:

        - `layer`, `channels_a`, `channels_b`: its name and the channels it reads;
        - `rows`, `held_rows`: images × positions fitted and held out;
        - `similarity`, `error`: on the images the map was fitted to;
        - `held_similarity`, `held_error`: on the others (NaN without any);
        - `weights`: Bures cosine before alignment (NaN where the widths differ);
        - `weights_aligned`, `weights_random`: after alignment, and after a random rotation;
        - `rank_a`, `rank_b`: effective ranks of the covariances.

    Raises:
        ArchitectureError: If a network cannot be traced or the two have different operations.
        AlignmentError: If activations are dead or not finite, naming the layer.
        DataError: If the loader is empty, ends before `max_images`, or does not fit the networks.
        RainbowError: If an option has no meaning.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> table = compare(net, net, [torch.randn(64, 4, generator=generator)])
        >>> table[["layer", "channels_a", "similarity", "error", "weights_aligned"]].round(4)
          layer  channels_a  similarity  error  weights_aligned
        0     2           8         1.0    0.0              1.0
    """
    one_of("flatten", flatten, FLATTENS)
    generator = torch.Generator().manual_seed(seed_of(seed))
    images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
    networks = Network(a, images.example), Network(b, images.example)
    networks[0].check_same_structure(networks[1], "b")
    visitor = _Pairs(*networks, flatten)
    images.walk(networks, visitor, seen=progress)
    return pd.DataFrame([visitor.row(reader, generator) for reader in visitor.readers])


class _Pairs(Visitor):
    """The visitor: the moments of every activation that neurons are read from, and in the end the rows."""

    def __init__(self, a: Network, b: Network, flatten: Flatten) -> None:
        self.flatten: Flatten = flatten
        self.weights_a, self.weights_b = a.parameters, b.parameters
        self.readers = [reader for reader in a.readers if not reader.frozen]
        self.others = {reader.parameter: reader for reader in b.readers}
        self.moments: dict[_Key, tuple[list[CrossMoment], list[CrossMoment]]] = {}
        self.maps: dict[_Key, Tensor] = {}
        # Real weights read the real and the imaginary part of an activation alike, and commute with real maps only.
        self.complex = {
            _key(r)
            for r in self.readers
            if self.weights_a[r.parameter].is_complex() or self.weights_b[r.parameter].is_complex()
        }

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        for key, reader in {_key(r): r for r in self.readers if r.source is node}.items():
            other = self.others[reader.parameter]
            for held, part in enumerate((slice(None, chunk.fitted), slice(chunk.fitted, None))):
                if not len(values[0][part]):
                    continue
                rows = [
                    self._rows(value[part], r, real=key not in self.complex)
                    for value, r in zip(values, (reader, other), strict=True)
                ]
                for g, moment in enumerate(self._of(key, reader, rows[0])[held]):
                    moment.update(rows[0][g], rows[1][g])

    def row(self, reader: Reader, generator: torch.Generator) -> dict[str, Any]:
        """Return what is known of the layer of a reader, once the walk is done."""
        other, (fitted, held) = self.others[reader.parameter], self.moments[_key(reader)]
        if _key(reader) not in self.maps:
            for moment in (*fitted, *held):
                moment.all_reduce()
            self.maps[_key(reader)] = torch.stack([Procrustes()(_checked(m, reader)) for m in fitted])
        maps = self.maps[_key(reader)]
        rotations = torch.stack([polar_factor(map.mH) for map in maps])
        noise = torch.randn(rotations.shape, generator=generator, dtype=torch.float64).to(rotations.device)
        random = torch.stack([polar_factor(matrix) for matrix in noise])
        weight = _double(self.weights_b[reader.parameter])
        factor, plain = rows_read(self.weights_a[reader.parameter], reader), rows_read(weight, other)
        moved, turned = (rows_read(read_through(weight, other, m, self.flatten), reader) for m in (rotations, random))
        same = factor.shape[1] == plain.shape[1]
        similarity, error = _mean_quality(maps, fitted)
        held_similarity, held_error = _mean_quality(maps, held)
        return {
            "layer": reader.layer,
            "channels_a": reader.channels,
            "channels_b": other.channels,
            "rows": fitted[0].count,
            "held_rows": held[0].count,
            "similarity": similarity,
            "error": error,
            "held_similarity": held_similarity,
            "held_error": held_error,
            "weights": bures_cosine(_as_real(factor), _as_real(plain)) if same else math.nan,
            "weights_aligned": bures_cosine(_as_real(factor), _as_real(moved)),
            "weights_random": bures_cosine(_as_real(factor), _as_real(turned)),
            "rank_a": effective_rank(torch.linalg.svdvals(factor).square()),
            "rank_b": effective_rank(torch.linalg.svdvals(plain).square()),
        }

    def _rows(self, value: Tensor, reader: Reader, *, real: bool) -> Tensor:
        rows = channel_rows(value, reader, self.flatten)
        return torch.cat([rows.real, rows.imag], dim=1) if real and rows.is_complex() else rows

    def _of(self, key: _Key, reader: Reader, rows: Tensor) -> tuple[list[CrossMoment], list[CrossMoment]]:
        if key not in self.moments:
            sizes = map_size(reader, self.flatten), map_size(self.others[reader.parameter], self.flatten)
            dtype = torch.complex128 if rows.is_complex() else torch.float64
            fitted, held = (
                [CrossMoment(*sizes, dtype=dtype, device=rows.device) for _ in range(reader.groups)] for _ in range(2)
            )
            self.moments[key] = fitted, held
        return self.moments[key]


def rows_read(weight: Inexact[Tensor, "..."], reader: Reader) -> Inexact[Tensor, "n D"]:
    r"""Return a weight as a thin factor of the uncentred covariance of its rows, :math:`W/\sqrt n`.

    Args:
        weight: A parameter that reads an activation along `reader.axis`.
        reader: Which axis that is; a row is everything an output channel reads.

    Returns:
        One row per output channel, in double precision.
    """
    rows = _double(weight).movedim(reader.axis, 1).flatten(1)
    return rows / math.sqrt(len(rows))


def _key(reader: Reader) -> _Key:
    return reader.source, reader.dim, reader.groups


def _double(value: Tensor) -> Tensor:
    return value.detach().to(torch.complex128 if value.is_complex() else torch.float64)


def _checked(moment: CrossMoment, reader: Reader) -> CrossMoment:
    name, channels = f"layer {reader.layer!r}", max(moment.left_dim, moment.right_dim)
    if moment.check(name).count < channels:
        warnings.warn(
            f"{name}: {moment.count} rows to align {channels} channels on; give at least {10 * channels}",
            RainbowWarning,
            stacklevel=2,
        )
    return moment


def _mean_quality(maps: Tensor, moments: Sequence[CrossMoment]) -> tuple[float, float]:
    """Return similarity and error, means over groups; NaN without rows."""
    if not moments[0].count:
        return math.nan, math.nan
    errors = [alignment_quality(map, moment).error for map, moment in zip(maps, moments, strict=True)]
    cosines = [_similarity(polar_factor(map), moment) for map, moment in zip(maps, moments, strict=True)]
    return sum(cosines) / len(cosines), sum(errors) / len(errors)


def _similarity(rotation: Tensor, moment: CrossMoment) -> float:
    """Return E⟨A z', z⟩ in units of both energies: the nuclear norm of (R7), on images A was not fitted to as well."""
    shared = (rotation.to(moment.cross).conj() * moment.cross).sum().real.item()
    return shared / math.sqrt(moment.left_energy * moment.right_energy)


def _as_real(factor: Inexact[Tensor, "n D"]) -> Float[Tensor, "_n _D"]:
    """Return a real factor of the same Bures cosines: complex numbers as 2 × 2 matrices."""
    if not factor.is_complex():
        return factor
    return torch.cat([torch.cat([factor.real, -factor.imag], 1), torch.cat([factor.imag, factor.real], 1)])
