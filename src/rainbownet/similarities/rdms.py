"""Representational similarity analysis: the dissimilarities of stimuli in one layer, correlated with another's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor


def dissimilarities(patterns: Float[Tensor, "n d"]) -> Float[Tensor, " m"]:
    """Return the correlation distances of all pairs of stimuli, the upper triangle row by row.

    Args:
        patterns: One row a stimulus, all channels and positions.

    Returns:
        One minus Pearson's correlation over the columns, for the `n (n − 1) / 2` pairs; a constant pattern is at
        distance 1 from all.

    Example:
        >>> dissimilarities(torch.tensor([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0], [2.0, 1.0, 0.0]])).round(decimals=6).abs()
        tensor([0., 2., 2.], dtype=torch.float64)
    """
    rows = patterns.to(torch.float64)
    rows = rows - rows.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    rows = torch.where(norms > 0, rows / norms.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    first, second = torch.triu_indices(len(rows), len(rows), offset=1)
    return 1 - (rows @ rows.mT)[first, second]


def rank_correlations(a: Sequence[Float[Tensor, " m"]], b: Sequence[Float[Tensor, " m"]]) -> Float[np.ndarray, "p q"]:
    """Return Spearman's correlation between every two of the dissimilarities of two sides.

    Args:
        a: Dissimilarities of the same stimuli, by layer of the first side.
        b: Those of the second.

    Returns:
        Correlations, NaN where all dissimilarities of a layer are equal.
    """
    left, right = (np.stack([_standard(rankdata(d.cpu().numpy())) for d in side]) for side in (a, b))
    return left @ right.T


def _standard(ranks: np.ndarray) -> np.ndarray:
    ranks = ranks - ranks.mean()
    norm = np.linalg.norm(ranks)
    return ranks / norm if norm > 0 else np.full_like(ranks, np.nan)
