"""The Marchenko–Pastur law: edges, density, distribution and median of the spectrum of white noise."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import LawError

GRID = 8192  # angles at which the Marchenko–Pastur distribution is tabulated: seven digits of its quantiles


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


def marchenko_pastur_median(gamma: float) -> float:
    """Return the median of the nonzero eigenvalues of a white sample covariance of variance 1.

    Args:
        gamma: Dimensions per sample.

    Returns:
        Median, between the edges.

    Raises:
        LawError: If `gamma` is not positive.

    Example:
        >>> round(marchenko_pastur_median(1.0), 4)
        0.6528
    """
    low, high = marchenko_pastur_edges(gamma)
    angles, mass = _tabulated(gamma)
    angle = _interpolate(torch.tensor([0.5], dtype=torch.float64), mass, angles).item()
    return (low + high) / 2 - (high - low) / 2 * math.cos(angle)


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
