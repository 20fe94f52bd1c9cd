"""Thin factors: a covariance of n rows of D numbers as F with at most n rows, never a D × D matrix."""

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.checks import real, whole
from rainbownet.errors import LawError, RainbowWarning

WIDE = 1024
"""Rows from which a wide matrix is decomposed through the products of its rows, several times as fast."""

LONG = 64
"""Rows from which one of twice as many columns is decomposed through its triangular factor, as exact and faster."""


def thin_factor(
    rows: Float[Tensor, "n D"], weights: Float[Tensor, " n"] | None = None
) -> tuple[Float[Tensor, "n r"], Float[Tensor, "r D"]]:
    r"""Factor the second moment of rows.

    The thin singular value decomposition :math:`R / \sqrt n = U S V^\top` gives :math:`F = S V^\top`, with
    :math:`F^\top F = R^\top R / n`, and white coordinates :math:`\sqrt n\,U` with :math:`R = \sqrt n\,U F`. Directions
    that are numerically zero are dropped. The decomposition works on the smaller side: it begins with a triangular
    factor of the longer one, and where columns are at least twice as many as the rows no orthogonal factor of it is
    formed: :math:`F = U^\top R / \sqrt n`, in which a row errs by the rounding of the largest, as a decomposition does.
    From 1024 rows on, of as many columns or more, `U` are the eigenvectors of the products of rows instead, and
    directions of less than about 1e-7 of the largest count as zero.

    Args:
        rows: Rows, already centred if they are to be.
        weights: Weight of each row in the mean, summing to 1; equal if None.

    Returns:
        White coordinates of the rows, and the factor by decreasing energy. Rows of weight 0 have coordinates 0.

    Example:
        >>> coordinates, factor = thin_factor(torch.tensor([[2.0, 0.0], [0.0, 0.0]]).double())
        >>> coordinates.abs().round(decimals=4), factor.abs().round(decimals=4)
        (tensor([[1.4142],
                 [0.0000]], dtype=torch.float64), tensor([[1.4142, 0.0000]], dtype=torch.float64))
    """
    n = len(rows)
    share = torch.full((n,), 1 / n, dtype=rows.dtype, device=rows.device) if weights is None else weights
    root = share.sqrt()[:, None]
    if WIDE <= n <= rows.shape[1]:
        return _through_products(rows * root, root)
    scaled = rows * root
    long = LONG <= n <= rows.shape[1] // 2
    whole = torch.linalg.qr(scaled.mT, mode="r").R.mT if long else scaled
    u, s, vh = torch.linalg.svd(whole, full_matrices=False)
    keep = s > torch.finfo(rows.dtype).eps * max(rows.shape) * s[0]
    u = u[:, keep]
    return torch.where(root > 0, u / root, 0.0), u.mT @ scaled if long else s[keep, None] * vh[keep]


def _through_products(scaled: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    values, vectors = (part.flip(-1) for part in torch.linalg.eigh(scaled @ scaled.mT))
    u = vectors[:, values > torch.finfo(scaled.dtype).eps * len(scaled) * values[0]]
    return torch.where(root > 0, u / root, 0.0), u.mT @ scaled


def kept(factor: Float[Tensor, "r D"], rank: int | float | None, what: str) -> int:
    """Return how many rows of a factor a rank keeps.

    Args:
        factor: Factor, its rows by decreasing energy.
        rank: Number of rows, at least 1, or a share of the energy in `(0, 1]`, or None for all.
        what: What the factor was fitted to, for the warning.

    Returns:
        Number of leading rows: all that there are where more are asked for.

    Warns:
        RainbowWarning: If there are fewer rows than asked for.

    Example:
        >>> kept(torch.diag(torch.tensor([3.0, 1.0])), 0.9, "two neurons")
        1
    """
    if rank is None:
        return len(factor)
    if isinstance(rank, int):
        if rank > len(factor):
            warnings.warn(
                f"{what} have {len(factor)} directions, so the law has these and not rank={rank}",
                RainbowWarning,
                stacklevel=2,
            )
        return min(rank, len(factor))
    energy = factor.double().square().sum(1).cumsum(0)
    # The last sums differ by rounding alone; a share of 1 keeps them all.
    return len(factor) if rank == 1 else min(int((energy < rank * energy[-1:]).sum()) + 1, len(factor))


def check_rank(value: Any) -> int | float | None:
    """Return a rank: None, a number of directions, or a share of the energy.

    Args:
        value: What was given. A whole number counts directions, so that 1 is one direction and 1.0 all the energy.

    Returns:
        The rank.

    Raises:
        LawError: If it is none of them.

    Example:
        >>> check_rank(0.9), check_rank(32)
        (0.9, 32)
    """
    if value is None:
        return None
    if isinstance(value, int | np.integer):
        return whole("rank", value, least=1, otherwise="None, a share of the energy in (0, 1], or ", error=LawError)
    many = "None, a whole number of directions, or a share of the energy, "
    return real("rank", value, above=0, most=1, otherwise=many, error=LawError)
