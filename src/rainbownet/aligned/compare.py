"""Comparison: did two networks learn the same? Activations up to a rotation, and covariances of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from rainbownet.aligned.basis import FLATTENS, Flatten, read_through
from rainbownet.aligned.comparison import Comparison
from rainbownet.aligned.pairs import ActivationPairs, PairMoments, key_of, mean_quality, rotation
from rainbownet.aligned.polar import polar_factor
from rainbownet.aligned.quality import alignment_quality
from rainbownet.checks import one_of, seed_of
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network, Reader
from rainbownet.moments import CrossMoment
from rainbownet.nets.initial import reinitialised
from rainbownet.spectra.measures import bures_cosine, effective_rank
from rainbownet.walk import HOLDOUT, AlignmentImages

FLAT = 1e-6
"""Share of the energy of activations below which what is left without their mean is rounding."""


def compare(
    a: nn.Module,
    b: nn.Module,
    loader: Any,
    *,
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    seed: int = 0,
    flatten: Flatten = "channels",
    baseline: bool = True,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Comparison:
    r"""Compare two networks layer by layer, up to a rotation of the channels that each layer reads.

    With the Procrustes map `A` from the channels of `b` to those of `a` (R6), activations are compared by their
    similarity :math:`\mathrm{Re}\,E⟨A z_b, z_a⟩` in units of both energies, and by the relative error of (R7). Early
    layers are nearly as similar to those of a random network, by their means above all: the centred similarity is that
    of activations minus their means, under the best rotation of these, and both are measured against a copy of `b` with
    random parameters as well.

    Weights are compared by the Bures cosine of the uncentred covariances of their rows (Guth & Ménard, 2024,
    section 3), those of `b` as they are, brought to the channels of `a` by the same rotation (R16), and rotated at
    random: the zero of that scale.

    Args:
        a: The network whose channels are the basis.
        b: A network of the same operations; its widths may differ.
        loader: Yields inputs or (inputs, targets); see `AlignmentImages`.
        max_images: Images to read; by default 4096, more where the width asks for it, fewer where the loader ends.
        holdout: Share of the images that is kept to measure the alignment, at most one half.
        seed: Seed of the random rotations and of the random network.
        flatten: At a flatten, whether rotations act on channels or on all features.
        baseline: Whether `a` is also compared with `b` at random, `nets.initial.reinitialised`; a third network is
            walked then.
        budget: Bytes of activations held in memory.
        device: Where to compute; that of the loader's images by default.
        progress: Called with the images read and those there may be.

    Returns:
        A data frame that draws itself (`plot`), a row per layer that reads neurons, in order of execution:

        - `layer`, `channels_a`, `channels_b`: its name and the channels it reads;
        - `rows`, `held_rows`: images × positions fitted and held out;
        - `similarity`, `error`: on the images the map was fitted to;
        - `held_similarity`, `held_error`: on the others (NaN without any);
        - `centred`, `held_centred`: the similarity of centred activations (NaN where they are constant);
        - `random`, `random_centred`: `held_similarity` and `held_centred` of `a` with `b` at random, `similarity` and
            `centred` without held-out images (NaN where the random network is dead; no columns without `baseline`);
        - `weights`: Bures cosine before alignment (NaN where the widths differ);
        - `weights_aligned`, `weights_random`: after alignment, and after a random rotation;
        - `rank_a`, `rank_b`: effective ranks of the covariances.

    Raises:
        ArchitectureError: If a network cannot be traced or the two have different operations; `rainbownet.similarity`
            compares any two.
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
    networks = [Network(a, images.example), Network(b, images.example)]
    try:
        networks[0].check_same_structure(networks[1], "b")
    except ArchitectureError as error:
        raise ArchitectureError(
            f"{error}; rainbownet.similarity compares networks of different architectures"
        ) from None
    if baseline:
        networks.append(Network(reinitialised(b, seed=seed), images.example))
    readers = [reader for reader in networks[0].readers if not reader.frozen]
    pairs = ActivationPairs(networks, readers, flatten, means=True)
    images.walk(networks, pairs, seen=progress)
    return Comparison([_row(reader, networks, pairs, generator) for reader in readers])


def _row(
    reader: Reader, networks: Sequence[Network], pairs: ActivationPairs, generator: torch.Generator
) -> dict[str, Any]:
    """Return what is known of the layer of a reader, once the walk is done."""
    key = key_of(reader)
    pair, other = pairs.pairs[key, 1], pairs.named[1][reader.parameter]
    rotations = pair.solve(rotation)
    scales = torch.tensor([math.sqrt(m.left_energy / m.right_energy) for m in pair.fitted], dtype=torch.float64)
    noise = torch.randn(rotations.mH.shape, generator=generator, dtype=torch.float64).to(rotations.device)
    random = torch.stack([polar_factor(matrix) for matrix in noise])
    back = torch.stack([polar_factor(map.mH) for map in rotations])
    weight = _double(networks[1].parameters[reader.parameter])
    factor, plain = rows_read(networks[0].parameters[reader.parameter], reader), rows_read(weight, other)
    moved, spun = (rows_read(read_through(weight, other, m, pairs.flatten), reader) for m in (back, random))
    same = factor.shape[1] == plain.shape[1]
    alike = pair.quality(rotations)
    scaled = pair.quality(rotations * scales.to(rotations)[:, None, None])
    centred = _centred(*pair.unchecked)
    return {
        "layer": reader.layer,
        "channels_a": reader.channels,
        "channels_b": other.channels,
        "rows": alike[0][0].rows,
        "held_rows": 0 if alike[1] is None else alike[1][0].rows,
        "similarity": mean_quality(alike[0], "similarity"),
        "error": mean_quality(scaled[0], "error"),
        "held_similarity": mean_quality(alike[1], "similarity"),
        "held_error": mean_quality(scaled[1], "error"),
        "centred": centred[0],
        "held_centred": centred[1],
        **(_baseline(pairs.pairs[key, 2]) if len(networks) > 2 else {}),
        "weights": bures_cosine(_as_real(factor), _as_real(plain)) if same else math.nan,
        "weights_aligned": bures_cosine(_as_real(factor), _as_real(moved)),
        "weights_random": bures_cosine(_as_real(factor), _as_real(spun)),
        "rank_a": effective_rank(torch.linalg.svdvals(factor).square()),
        "rank_b": effective_rank(torch.linalg.svdvals(plain).square()),
    }


def _similarities(fitted: Sequence[CrossMoment], held: Sequence[CrossMoment]) -> tuple[float, float]:
    """Return the similarity under the rotations of fitted moments, on these and on held-out ones."""
    if not _alive(fitted):
        return math.nan, math.nan
    maps = [rotation(moment) for moment in fitted]
    values = [
        mean_quality([alignment_quality(map, own) for map, own in zip(maps, moments, strict=True)], "similarity")
        if moments and _alive(moments)
        else math.nan
        for moments in (fitted, held)
    ]
    return values[0], values[1]


def _centred(fitted: Sequence[CrossMoment], held: Sequence[CrossMoment]) -> tuple[float, float]:
    """Return the similarities of centred activations; NaN where one side is constant."""
    centred = [[moment.centred() for moment in moments] for moments in (fitted, held)]
    for owns, plains in zip(centred, (fitted, held), strict=True):
        for own, plain in zip(owns, plains, strict=True):
            if not (own.left_energy > FLAT * plain.left_energy and own.right_energy > FLAT * plain.right_energy):
                return math.nan, math.nan
    return _similarities(*centred)


def _baseline(pair: PairMoments) -> dict[str, float]:
    """Return the similarities with a random network: on held-out images where there are any."""
    moments = pair.unchecked
    found = {"random": _similarities(*moments), "random_centred": _centred(*moments)}
    return {name: values[1] if moments[1] else values[0] for name, values in found.items()}


def _alive(moments: Sequence[CrossMoment]) -> bool:
    energies = [energy for moment in moments for energy in (moment.left_energy, moment.right_energy)]
    return all(energy > 0 and math.isfinite(energy) for energy in energies)


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


def _double(value: Tensor) -> Tensor:
    return value.detach().to(torch.complex128 if value.is_complex() else torch.float64)


def _as_real(factor: Inexact[Tensor, "n D"]) -> Float[Tensor, "_n _D"]:
    """Return a real factor of the same Bures cosines: complex numbers as 2 × 2 matrices."""
    if not factor.is_complex():
        return factor
    return torch.cat([torch.cat([factor.real, -factor.imag], 1), torch.cat([factor.imag, factor.real], 1)])
