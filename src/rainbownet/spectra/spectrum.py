"""Spectra of covariances: effective rank, comparison through thin factors, and spikes on a Marchenko–Pastur bulk."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import LawError

GRID = 8192  # angles at which the Marchenko–Pastur distribution is tabulated: seven digits of its quantiles


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


def marchenko_pastur_edges(gamma: float, variance: float = 1.0) -> tuple[float, float]:
    r"""Return the edges :math:`\sigma^2 (1 \mp \sqrt\gamma)^2` of the spectrum of a white sample covariance.

    Args:
        gamma: Dimensions per sample, :math:`\gamma = D / n`.
        variance: Variance :math:`\sigma^2` of an entry.

    Returns:
        Lower and upper edge of the nonzero eigenvalues.

    Raises:
        LawError: If `gamma` or `variance` is not positive.

    Example:
        >>> marchenko_pastur_edges(0.25, 4.0)
        (1.0, 9.0)
    """
    if not (gamma > 0 and variance > 0):
        raise LawError(f"the Marchenko–Pastur law needs gamma > 0 and variance > 0, got {gamma} and {variance}")
    root = math.sqrt(gamma)
    return variance * (1 - root) ** 2, variance * (1 + root) ** 2


def marchenko_pastur_density(values: Float[Tensor, " k"], gamma: float, variance: float = 1.0) -> Float[Tensor, " k"]:
    r"""Return the density of the nonzero eigenvalues of a white sample covariance.

    .. math:: \sqrt{(\lambda_+ - x)(x - \lambda_-)} \,/\, (2\pi \min(\gamma, 1) \sigma^2 x)

    The atom at zero of :math:`\gamma > 1` is left out, so that the density integrates to 1.

    Args:
        values: Where to evaluate it.
        gamma: Dimensions per sample.
        variance: Variance of an entry.

    Returns:
        Density at `values`, 0 outside the edges.

    Raises:
        LawError: If `gamma` or `variance` is not positive.

    Example:
        >>> marchenko_pastur_density(torch.tensor([1.0, 9.0]), 1.0).round(decimals=4)
        tensor([0.2757, 0.0000], dtype=torch.float64)
    """
    low, high = marchenko_pastur_edges(gamma, variance)
    x = values.double()
    inside = ((high - x) * (x - low)).clamp(min=0)
    return torch.where(inside > 0, inside.sqrt() / (2 * math.pi * min(gamma, 1.0) * variance * x), 0.0)


def marchenko_pastur_cdf(values: Float[Tensor, " k"], gamma: float, variance: float = 1.0) -> Float[Tensor, " k"]:
    """Return the distribution function of the nonzero eigenvalues of a white sample covariance.

    Args:
        values: Where to evaluate it.
        gamma: Dimensions per sample.
        variance: Variance of an entry.

    Returns:
        Probabilities, from 0 below the lower edge to 1 above the upper one.

    Raises:
        LawError: If `gamma` or `variance` is not positive.

    Example:
        >>> marchenko_pastur_cdf(torch.tensor([0.0, 1.0, 4.0]), 1.0).round(decimals=4)
        tensor([0.0000, 0.6090, 1.0000], dtype=torch.float64)
    """
    low, high = marchenko_pastur_edges(gamma, variance)
    middle, radius = (low + high) / 2, (high - low) / 2
    cosine = ((middle - values.double()) / radius).clamp(-1, 1)
    angles, mass = _tabulated(gamma)
    return _interpolate(torch.acos(cosine), angles.to(cosine.device), mass.to(cosine.device))


def bulk_variance(eigenvalues: Float[Tensor, " k"], n: int, d: int) -> float:
    r"""Estimate the variance of the bulk of a sample covariance, robustly against its spikes.

    The median of the nonzero eigenvalues is divided by the median of the Marchenko–Pastur law of variance 1 at
    :math:`\gamma = d / n` (Gavish & Donoho, IEEE Trans. Inf. Theory 60, 2014, section III.E).

    Args:
        eigenvalues: Eigenvalues of the sample covariance; those that are numerically zero are left out.
        n: Number of samples.
        d: Number of dimensions.

    Returns:
        Variance of an entry of the bulk.

    Raises:
        LawError: If no eigenvalue is positive.

    Example:
        >>> round(bulk_variance(torch.tensor([2.0, 2.0, 2.0, 40.0]), n=10_000, d=4), 2)
        2.0
    """
    values = eigenvalues.double()
    nonzero = values[values > 1e-12 * values.max()] if len(values) and values.max() > 0 else values[:0]
    if len(nonzero) == 0:
        raise LawError("the variance of a bulk cannot be estimated from a covariance of zeros")
    low, high = marchenko_pastur_edges(d / n)
    angles, mass = _tabulated(d / n)
    angle = _interpolate(torch.tensor([0.5], dtype=torch.float64), mass, angles).item()
    median = (low + high) / 2 - (high - low) / 2 * math.cos(angle)
    return nonzero.quantile(0.5).item() / median


def shrink_spiked(eigenvalues: Float[Tensor, " k"], gamma: float, variance: float = 1.0) -> Float[Tensor, " k"]:
    r"""Return what was learned of each eigenvalue of a spiked sample covariance (U3).

    With :math:`\lambda` in units of the variance,
    :math:`\lambda \mapsto (\lambda - 1 - \gamma)/2 + \sqrt{(\lambda + 1 - \gamma)^2 / 4 - \lambda}` above the bulk's
    edge :math:`(1 + \sqrt\gamma)^2`, and 0 below: the spike of the population without its share of the bulk.

    Args:
        eigenvalues: Eigenvalues of the sample covariance.
        gamma: Dimensions per sample.
        variance: Variance of the bulk.

    Returns:
        Shrunk eigenvalues, in the order given.

    Raises:
        LawError: If `gamma` or `variance` is not positive.

    Example:
        >>> shrink_spiked(torch.tensor([12.0, 3.0]), gamma=1.0)
        tensor([9.8990, 0.0000], dtype=torch.float64)
    """
    _, edge = marchenko_pastur_edges(gamma)
    values = eigenvalues.double() / variance
    root = ((values + 1 - gamma).square() / 4 - values).clamp(min=0).sqrt()
    return torch.where(values > edge, variance * ((values - 1 - gamma) / 2 + root), 0.0)


def _tabulated(gamma: float) -> tuple[Tensor, Tensor]:
    """Return angles from 0 to π and the mass below them, for eigenvalues written middle − radius · cos(angle)."""
    low, high = marchenko_pastur_edges(gamma)
    angles = torch.linspace(0, math.pi, GRID + 1, dtype=torch.float64)
    # Midpoints stay clear of the lower edge, which is zero at gamma = 1; there the integrand is still smooth.
    middle = (angles[1:] + angles[:-1]) / 2
    x = (low + high) / 2 - (high - low) / 2 * middle.cos()
    mass = torch.cat([torch.zeros(1, dtype=torch.float64), (middle.sin().square() / x).cumsum(0)])
    return angles, mass / mass[-1]


def _interpolate(x: Tensor, xs: Tensor, ys: Tensor) -> Tensor:
    right = torch.searchsorted(xs, x.contiguous()).clamp(1, len(xs) - 1)
    weight = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + weight * (ys[right] - ys[right - 1])
