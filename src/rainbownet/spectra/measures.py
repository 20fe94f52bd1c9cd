"""Measures of spectra: the effective rank of one, and the Bures cosine of two covariances through thin factors."""

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import LawError


def effective_rank(eigenvalues: Float[Tensor, " d"]) -> float:
    r"""Return the mean rank of a spectrum, :math:`\sum_k k \lambda_k / \sum_k \lambda_k` with decreasing eigenvalues.

    It is 1 for a single direction and :math:`(d + 1) / 2` for a flat spectrum (Guth & Ménard, 2024, section 3).

    Args:
        eigenvalues: Nonnegative eigenvalues in any order.

    Returns:
        Effective rank, between 1 and `d`.

    Raises:
        LawError: If an eigenvalue is negative or all are zero.

    Example:
        >>> effective_rank(torch.tensor([1.0, 1.0, 1.0]))
        2.0
    """
    values = eigenvalues.double().sort(descending=True).values
    if len(values) == 0 or not values[-1] >= 0 or not values[0] > 0:
        raise LawError(f"the effective rank needs nonnegative eigenvalues, one of them positive, got {values.tolist()}")
    ranks = torch.arange(1, len(values) + 1, dtype=torch.float64, device=values.device)
    return ((ranks * values).sum() / values.sum()).item()


def bures_cosine(factor_a: Float[Tensor, "r d"], factor_b: Float[Tensor, "s d"]) -> float:
    r"""Return the Bures cosine of two covariances given by thin factors.

    .. math:: \|C_a^{1/2} C_b^{1/2}\|_1 / \sqrt{\mathrm{tr}\,C_a \, \mathrm{tr}\,C_b}, \qquad C = F^\top F

    which equals :math:`\|F_a F_b^\top\|_1 / (\|F_a\| \|F_b\|)`, so that no `d × d` matrix is formed (Guth & Ménard,
    2024, section 3).

    Args:
        factor_a: Factor of the first covariance.
        factor_b: Factor of the second covariance.

    Returns:
        Cosine between 0, for orthogonal ranges, and 1, for proportional covariances.

    Raises:
        LawError: If a covariance is zero.

    Example:
        >>> round(bures_cosine(torch.eye(2), torch.tensor([[2.0, 0.0]])), 6)
        0.707107
    """
    a, b = factor_a.double(), factor_b.double()
    norms = (torch.linalg.matrix_norm(a) * torch.linalg.matrix_norm(b)).item()
    if norms == 0:
        raise LawError("the Bures cosine of a zero covariance is not defined")
    return torch.linalg.svdvals(a @ b.T).sum().item() / norms
