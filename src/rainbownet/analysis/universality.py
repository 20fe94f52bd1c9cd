"""Universality: is what groups of networks learned the same? Learned covariances and eigenvectors, compared."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd
import torch
from jaxtyping import Float, Inexact
from torch import Tensor, nn

from rainbownet.aligned import polar_factor
from rainbownet.analysis.layer import AlignedLayer, in_basis
from rainbownet.analysis.one_basis import Aligned
from rainbownet.analysis.spectra import initial_rows
from rainbownet.checks import words_of
from rainbownet.errors import RainbowError
from rainbownet.spectra.measures import bures_cosine, effective_rank
from rainbownet.spectra.shrinkage import bulk_variance, shrink_spiked

RESOLUTION = 0.05
"""Distance from the random rotation to the ceiling below which a layer says nothing about similarity."""


@dataclass(frozen=True)
class Learned:
    """The learned part of a covariance of rows, its bulk shrunk away (U).

    Attributes:
        factor: Factor of it, a row per spike.
        variance: Variance of the bulk.
        rows: Number of rows it was estimated from.
    """

    factor: Float[Tensor, "r D"]
    variance: float
    rows: int

    @property
    def rank(self) -> float:
        """Effective rank; 0 without spikes."""
        return effective_rank(self.factor.square().sum(1)) if len(self.factor) else 0.0

    def drawn(self, rows: int, *, generator: torch.Generator) -> Float[Tensor, "n D"]:
        """Draw Gaussian rows of the learned covariance and the bulk, :math:`C + σ² Id`."""
        size = self.factor.shape[1]
        spikes = torch.randn(rows, len(self.factor), generator=generator, dtype=torch.float64)
        bulk = torch.randn(rows, size, generator=generator, dtype=torch.float64)
        return spikes @ self.factor + math.sqrt(self.variance) * bulk


def learned_covariance(rows: Float[Tensor, "n D"], *, variance: float | None = None) -> Learned:
    r"""Return the learned part of the uncentred covariance of rows (U3).

    Args:
        rows: Rows of weights.
        variance: That of the bulk, which is what initialisation left; estimated from the spectrum by default.

    Returns:
        Its factor: eigenvectors above the edge of the Marchenko–Pastur bulk, with shrunk eigenvalues.

    Raises:
        LawError: If all rows are zero.

    Example:
        >>> rows = torch.randn(400, 100, generator=torch.Generator().manual_seed(0)).double()
        >>> rows[:, 0] *= 4
        >>> part = learned_covariance(rows)
        >>> round(part.rank, 1), round(part.variance, 1), part.factor.shape[1]
        (1.0, 1.0, 100)
    """
    if not isinstance(rows, Tensor) or rows.dim() != 2:
        seen = f"of shape {tuple(rows.shape)}" if isinstance(rows, Tensor) else type(rows).__name__
        raise RainbowError(f"rows: {seen}; a tensor, neurons × inputs, is needed")
    n, size = rows.shape
    _, singular, vh = torch.linalg.svd(rows.double(), full_matrices=False)
    values = singular.square() / n
    sigma = bulk_variance(values, n, size) if variance is None else variance
    shrunk = shrink_spiked(values, size / n, sigma)
    return Learned(shrunk[shrunk > 0].sqrt()[:, None] * vh[shrunk > 0], sigma, n)


def group_similarity(
    aligned: Aligned,
    groups: Sequence[str],
    *,
    variance: float | Mapping[str, float] | None = None,
    draws: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Compare what groups of networks learned, layer by layer (U).

    .. math:: S = \frac{\cos(C_1, C_2) - \cos(C_1, O C_1 O^\top)}{\cos(C_1, \hat C_1) - \cos(C_1, O C_1 O^\top)}

    with Bures cosines of the learned parts of the covariances, `O` a random rotation of the channels, and the ceiling
    :math:`\hat C_1` learned again from Gaussian rows of :math:`C_1 + \sigma^2 \mathrm{Id}`, as many as
    :math:`C_2` was learned from. It is about 1 for the same law and 0 for unrelated ones, and above 1 where rows are
    no independent draws: those of classifiers of the same classes come in the same order.

    Args:
        aligned: The networks.
        groups: The group each network belongs to: its data set, its task.
        variance: Variance of an entry at initialisation, one for all layers or each its own (`initial_variances`);
            estimated from the bulk of each spectrum by default, which fails where most of it was learned, as in
            classifiers of few rows.
        draws: Random rotations and ceilings to average over.
        seed: Seed of both.

    Returns:
        A row per layer and pair of groups: `layer`, `a`, `b`, `rows_a`, `rows_b`, `cosine`, `control`, `ceiling`,
        `similarity` (S; NaN where nothing was learned, so that control and ceiling lie within 0.05), `spikes_a`,
        `spikes_b`, and effective ranks `rank_a`, `rank_b` of the learned parts. A cosine with nothing learned is 0.

    Raises:
        RainbowError: If there is not one group for each network, or only one group.
    """
    members = _members(aligned, groups)
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for layer in aligned:
        sigma = _variance(variance, layer.name)
        parts = {
            name: learned_covariance(real_rows(layer.stacked(own)), variance=sigma) for name, own in members.items()
        }
        for a, b in combinations(members, 2):
            first, second = parts[a], parts[b]
            control = sum(_cosine(first.factor, _rotated(first.factor, layer, generator)) for _ in range(draws)) / draws
            again = (
                learned_covariance(first.drawn(second.rows, generator=generator), variance=sigma) for _ in range(draws)
            )
            ceiling = sum(_cosine(first.factor, part.factor) for part in again) / draws
            cosine = _cosine(first.factor, second.factor)
            known = ceiling - control > RESOLUTION
            rows.append(
                {
                    "layer": layer.name,
                    "a": a,
                    "b": b,
                    "rows_a": first.rows,
                    "rows_b": second.rows,
                    "cosine": cosine,
                    "control": control,
                    "ceiling": ceiling,
                    "similarity": (cosine - control) / (ceiling - control) if known else math.nan,
                    "spikes_a": len(first.factor),
                    "spikes_b": len(second.factor),
                    "rank_a": first.rank,
                    "rank_b": second.rank,
                }
            )
    return pd.DataFrame(rows)


def eigenvector_cosines(
    aligned: Aligned, groups: Sequence[str], *, of: str = "weights", count: int = 10
) -> pd.DataFrame:
    r"""Return absolute cosines of the leading eigenvectors of two groups, after alignment.

    Args:
        aligned: The networks.
        groups: The group each belongs to.
        of: `"weights"`: covariances of rows; `"activations"`: :math:`E[z z^H]` of each network moved to the reference,
            averaged over the group.
        count: How many eigenvectors.

    Returns:
        A row per layer, pair of groups and of ranks: `layer`, `a`, `b`, `rank_a`, `rank_b`, `cosine`, and `chance`:
        the mean absolute cosine of random directions, :math:`\sqrt{2/(\pi D)}`.

    Raises:
        RainbowError: If there is not one group for each network, only one group, or `of` is neither.
    """
    if of not in ("weights", "activations"):
        raise RainbowError(f"of: expected 'weights' or 'activations', got {of!r}")
    members = _members(aligned, groups)
    rows = []
    for layer in aligned:
        vectors = {name: _leading(layer, own, of, count) for name, own in members.items()}
        for a, b in combinations(members, 2):
            table = (vectors[a].mH @ vectors[b]).abs()
            chance = math.sqrt(2 / (math.pi * len(vectors[a])))
            for (i, j), value in _entries(table):
                keys = {"layer": layer.name, "a": a, "b": b, "rank_a": i + 1, "rank_b": j + 1}
                rows.append({**keys, "cosine": value, "chance": chance})
    return pd.DataFrame(rows)


def initial_variances(aligned: Aligned, initial: Sequence[nn.Module]) -> dict[str, float]:
    """Return the mean square of the weights of each layer before training.

    Args:
        aligned: The trained networks.
        initial: The untrained ones.

    Returns:
        By layer, what `group_similarity` takes as variances.

    Raises:
        ArchitectureError: If an untrained network does not have a layer.

    Example:
        >>> from rainbownet.analysis import align_networks
        >>> net = nn.Linear(2, 1, bias=False)
        >>> net.weight.data = torch.tensor([[3.0, 1.0]])
        >>> initial_variances(align_networks(net, [torch.eye(2)], holdout=0.0), [net])
        {'weight': 5.0}
    """
    return {
        layer.name: torch.cat([real_rows(initial_rows(net, layer)) for net in initial]).square().mean().item()
        for layer in aligned
    }


def real_rows(rows: Inexact[Tensor, "n D"]) -> Float[Tensor, "_n _D"]:
    """Return real rows of the same cosines and spectrum: complex numbers as 2 × 2 matrices."""
    if not rows.is_complex():
        return rows
    return torch.cat([torch.cat([rows.real, -rows.imag], 1), torch.cat([rows.imag, rows.real], 1)])


def _variance(given: float | Mapping[str, float] | None, layer: str) -> float | None:
    if not isinstance(given, Mapping):
        return given
    if layer not in given:
        raise RainbowError(f"variance: none for layer {layer!r}; there are {list(given)}")
    return given[layer]


def _rotated(factor: Tensor, layer: AlignedLayer, generator: torch.Generator) -> Tensor:
    """Return a factor whose channels are rotated at random; real and imaginary parts alike."""
    size = layer.channels
    rotation = polar_factor(torch.randn(size, size, generator=generator, dtype=torch.float64))
    parts = factor.split(math.prod(layer.shape), dim=1)
    return torch.cat([in_basis(part, layer.shape, rotation) for part in parts], dim=1)


def _cosine(a: Tensor, b: Tensor) -> float:
    return bures_cosine(a, b) if len(a) and len(b) else 0.0


def _leading(layer: AlignedLayer, members: Sequence[int], of: str, count: int) -> Tensor:
    if of == "weights":
        return torch.linalg.svd(layer.stacked(members), full_matrices=False)[2][:count].mH
    moved = [layer.maps[m] @ layer.moments[m] @ layer.maps[m].mH for m in members]
    return torch.linalg.eigh(torch.stack(moved).mean(0))[1].flip(1)[:, :count]


def _members(aligned: Aligned, groups: Sequence[str]) -> dict[str, list[int]]:
    words_of("groups", groups)
    if len(groups) != aligned.count or len(set(groups)) < 2:
        raise RainbowError(
            f"groups: expected a name for each of {aligned.count} networks and two names at least, got {list(groups)}"
        )
    return {name: [m for m, group in enumerate(groups) if group == name] for name in dict.fromkeys(groups)}


def _entries(table: Tensor) -> Iterator[tuple[tuple[int, int], float]]:
    for i, row in enumerate(table.tolist()):
        for j, value in enumerate(row):
            yield (i, j), value
