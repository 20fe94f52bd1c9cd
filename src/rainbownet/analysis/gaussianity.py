"""Gaussianity: are whitened weights normal, direction by direction?"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.special import ndtr, ndtri
from scipy.stats import kstest
from torch import Tensor

from rainbownet.analysis.bulk import check_rows, whitened_rows
from rainbownet.errors import RainbowError
from rainbownet.laws.factor import thin_factor

PUBLISHED = (2, 11, 101)
"""The directions of the published figure, which labels them 1, 10 and 100: it counts from 0."""

LARGEST_NULL = 2000
"""Rows of simulated samples, at most: beyond, the null distribution no longer changes in its first three digits."""


def gaussianity(
    rows: Float[Tensor, "n D"],
    factor: Float[Tensor, "r _D"] | None = None,
    directions: Sequence[int] | None = None,
    *,
    centred: bool = False,
    simulations: int = 1999,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Test weights for normality along principal directions.

    Coordinates are :math:`G = W E / \sqrt\lambda` in the eigenbasis of the covariance. Of normal rows whitened by
    their own covariance every column of `G` is uniform on a sphere of radius :math:`\sqrt n`, so the corrected test is
    exact there, whatever the covariance and however many directions; the published one, which takes the variance as
    known, rejects too rarely. Rows count as independent.

    Args:
        rows: Rows of weights, aligned where they come from several networks.
        factor: Factor `F` of the covariance :math:`F^\top F` that whitens; the rows' own by default, as published.
        directions: Ranks from 1, by decreasing eigenvalue; twelve evenly spread in logarithm by default. `PUBLISHED`
            has those of the paper.
        centred: Whether the mean of the rows is taken out; published rows are not centred.
        simulations: Normal samples that the corrected p-values are counted on.
        seed: Seed of these samples.

    Returns:
        A row per direction:

        - `direction`, `eigenvalue`, `rows`;
        - `ks`, `p`: Kolmogorov–Smirnov distance from N(0, 1) and exact two-sided p-value, as published;
        - `ks_corrected`, `p_corrected`: the same for coordinates divided by their own deviation (p by Monte Carlo:
            Lilliefors, J. Am. Stat. Assoc. 62, 1967; at least 1 / (simulations + 1));
        - `excess_kurtosis`, `excess_kurtosis_error`: 0 for a normal law, and the standard error under one;
        - `p_kurtosis`: two-sided, by the same samples; it sees tails to which distances are blind.

    Raises:
        RainbowError: If there are fewer than 8 rows, a direction is not there, or rows are zero or not finite.

    Source: Guth et al., JMLR 2024, figure 3: p between 0.004 and 0.76.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> normal = torch.randn(500, 2, generator=generator)
        >>> uniform = (torch.rand(500, 2, generator=generator) - 0.5) * torch.tensor([3.0, 1.0])
        >>> [bool(gaussianity(rows, directions=[1]).p_corrected.item() < 0.05) for rows in (normal, uniform)]
        [False, True]
    """
    coordinates, eigenvalues = _coordinates(rows, factor, centred)
    chosen = _directions(directions, coordinates.shape[1])
    if simulations < 1:
        raise RainbowError(f"simulations: at least 1 is needed, got {simulations}")
    count = len(coordinates)
    size = min(count, LARGEST_NULL)
    null, null_kurtosis = _null(size, simulations, centred, seed)
    table = []
    for direction in chosen:
        x = coordinates[:, direction - 1]
        standard = _standardised(x, centred)
        published = kstest(x, "norm")
        distance = float(_distances(np.sort(standard)[None])[0])
        kurtosis = float((standard**4).mean() - 3)
        scaled = kurtosis * math.sqrt(count / size)
        beyond = min(int((null_kurtosis >= scaled).sum()), int((null_kurtosis <= scaled).sum()))
        table.append(
            {
                "direction": direction,
                "eigenvalue": eigenvalues[direction - 1],
                "rows": count,
                "ks": float(published.statistic),
                "p": float(published.pvalue),
                "ks_corrected": distance,
                "p_corrected": (1 + int((null >= _scaled(distance, count)).sum())) / (1 + simulations),
                "excess_kurtosis": kurtosis,
                "excess_kurtosis_error": math.sqrt(24 / count),
                "p_kurtosis": min(1.0, 2 * (1 + beyond) / (1 + simulations)),
            }
        )
    return pd.DataFrame(table)


def qq_table(
    rows: Float[Tensor, "n D"],
    factor: Float[Tensor, "r _D"] | None = None,
    directions: Sequence[int] | None = None,
    *,
    centred: bool = False,
    points: int = 99,
) -> pd.DataFrame:
    """Tabulate quantiles of whitened weights beside those of N(0, 1).

    Args:
        rows: As for `gaussianity`.
        factor: As for `gaussianity`.
        directions: As for `gaussianity`.
        centred: As for `gaussianity`.
        points: Quantiles, at probabilities (k − ½) / points.

    Returns:
        A row per direction and quantile: `direction`, `probability`, `normal`, `measured`.

    Raises:
        RainbowError: As `gaussianity`.

    Example:
        >>> rows = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
        >>> qq_table(rows, directions=[1], points=3).round(1) + 0
           direction  probability  normal  measured
        0          1          0.2    -1.0      -1.0
        1          1          0.5     0.0       0.0
        2          1          0.8     1.0       1.0
    """
    coordinates, _ = _coordinates(rows, factor, centred)
    if points < 1:
        raise RainbowError(f"points: at least 1 is needed, got {points}")
    probabilities = (np.arange(points) + 0.5) / points
    parts = [
        pd.DataFrame(
            {
                "direction": direction,
                "probability": probabilities,
                "normal": ndtri(probabilities),
                "measured": np.quantile(coordinates[:, direction - 1], probabilities),
            }
        )
        for direction in _directions(directions, coordinates.shape[1])
    ]
    return pd.concat(parts, ignore_index=True)


def _coordinates(rows: Tensor, factor: Tensor | None, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return whitened coordinates (n, k) and the eigenvalue of each column."""
    values = check_rows(rows)
    if len(values) < 8:
        raise RainbowError(f"rows: {len(values)} are too few to tell a normal law from another; 8 are the least")
    if centred:
        values = values - values.mean(0)
    if factor is None:
        white, own = thin_factor(values)
        return white.cpu().numpy(), own.square().sum(1).cpu().numpy()
    white = whitened_rows(values, factor)
    deviations = torch.linalg.svdvals(factor.detach().double())
    return white.cpu().numpy(), deviations[: white.shape[1]].square().cpu().numpy()


def _directions(asked: Sequence[int] | None, rank: int) -> list[int]:
    if asked is None:
        return sorted({round(rank ** (k / 11)) for k in range(12)})
    for direction in asked:
        if not 1 <= direction <= rank:
            raise RainbowError(f"directions: the rows have directions 1 to {rank}, got {direction}")
    return list(asked)


def _standardised(x: np.ndarray, centred: bool) -> np.ndarray:
    if centred:
        x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True))


def _distances(ordered: np.ndarray) -> np.ndarray:
    """Return Kolmogorov–Smirnov distances from N(0, 1) of sorted samples, one a row."""
    n = ordered.shape[-1]
    reached, steps = ndtr(ordered), np.arange(n + 1) / n
    return np.maximum((steps[1:] - reached).max(-1), (reached - steps[:-1]).max(-1))


def _scaled(distance: float | np.ndarray, n: int) -> float | np.ndarray:
    r"""Return distances on a scale that no longer depends on n: :math:`\sqrt n + 0.12 + 0.11/\sqrt n`.

    Source: Stephens, J. R. Stat. Soc. B 32, 1970.
    """
    return distance * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))


def _null(n: int, simulations: int, centred: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scaled distances and excess kurtoses of normal samples after their own standardisation."""
    generator = np.random.default_rng(seed)
    parts = []
    block = max(1, 1_000_000 // n)
    for start in range(0, simulations, block):
        samples = generator.standard_normal((min(block, simulations - start), n))
        standard = _standardised(samples, centred)
        parts.append((_scaled(_distances(np.sort(standard, axis=-1)), n), (standard**4).mean(-1) - 3))
    distances, kurtoses = zip(*parts, strict=True)
    return np.concatenate(distances), np.concatenate(kurtoses)
