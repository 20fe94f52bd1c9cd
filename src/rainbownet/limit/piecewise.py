r"""Dual activations of piecewise linear functions and of the step, for Gaussian variables of any mean.

The bivariate normal density solves a heat equation (Plackett, Biometrika 1954): differentiating in the covariance moves
a derivative onto each activation. Two derivatives leave the bends of a piecewise linear function, hence one integral

.. math:: k(c) = k(0) + c\,k'(0) + \frac{\sqrt{pq}}{2\pi} \sum_{ij} b_i b_j \int_0^{\arcsin\rho} (\rho - \sin\theta)
          \exp\left(-\frac{a_i^2 - 2 a_i a'_j \sin\theta + a_j'^2}{2\cos^2\theta}\right) d\theta,

with :math:`a_i = (t_i - \mu)/\sqrt p` the standardised knots.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.limit.bivariate import density_integral, normal_cdf, normal_density
from rainbownet.limit.closed import Gram, correlation

_FAR = 40.0  # exp(-40²/2) is zero in float64


def _standardise(knot: float, mean: Gram, variance: Gram) -> Gram:
    return ((knot - mean) / variance.sqrt().clamp_min(1e-150)).clamp(-_FAR, _FAR)


def _roots(variance: Gram) -> tuple[Gram, Gram]:
    """Return the deviation and its inverse, zero where it is."""
    root = variance.sqrt()
    return root, torch.where(root > 0, 1 / root, 0.0)


@dataclass(frozen=True)
class PiecewiseLinear:
    r"""The dual of a piecewise linear function.

    .. math:: \sigma(x) = \text{intercept} + \text{slope}\,x + \sum_i b_i \max(x - t_i, 0)

    Its error, relative to :math:`\sqrt{(p + \mu^2)(q + \mu'^2)}`, is below 1e-9, see `density_integral`.

    Attributes:
        knots: The points `t` where the slope changes.
        bends: The change `b` of slope at each.
        slope: The slope left of all knots.
        intercept: The value at zero of the line left of all knots.
        nodes: The least number of nodes of the integral; see `density_integral`.

    Example:
        >>> one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        >>> PiecewiseLinear(knots=(0.0,), bends=(1.0,))(one, 0.5 * one, one, zero, zero)  # ReLU
        tensor(0.3045, dtype=torch.float64)
    """

    knots: tuple[float, ...]
    bends: tuple[float, ...]
    slope: float = 0.0
    intercept: float = 0.0
    nodes: int = 0

    def __call__(self, p: Gram, c: Gram, q: Gram, mean_p: Gram, mean_q: Gram) -> Gram:
        """Return the expectation of the product of the activations of two Gaussian variables.

        Args:
            p: Variance of the first variable.
            c: Covariance.
            q: Variance of the second variable.
            mean_p: Mean of the first variable.
            mean_q: Mean of the second variable.

        Returns:
            The dual, of the broadcast shape.
        """
        (value_p, slope_p), (value_q, slope_q) = self._moments(p, mean_p), self._moments(q, mean_q)
        # What has the shape of all pairs is written in place, all else is a factor per row.
        (root_p, over_p), (root_q, over_q) = _roots(p), _roots(q)
        rho = (c * over_p).mul_(over_q).clamp_(-1.0, 1.0)
        result = (c * slope_p).mul_(slope_q)
        result += value_p * value_q
        for knot, bend in zip(self.knots, self.bends, strict=True):
            a = _standardise(knot, mean_p, p)
            for other, second in zip(self.knots, self.bends, strict=True):
                b = _standardise(other, mean_q, q)
                integral = density_integral(a, b, rho, weighted=True, nodes=self.nodes)
                result += integral.mul_(root_p).mul_(root_q * (bend * second / (2 * math.pi)))
        return result

    def _moments(self, variance: Gram, mean: Gram) -> tuple[Gram, Gram]:
        """Return the expectations of the activation and of its derivative."""
        value = self.intercept + self.slope * mean + torch.zeros_like(variance)
        slope = self.slope + torch.zeros_like(value)
        for knot, bend in zip(self.knots, self.bends, strict=True):
            a = _standardise(knot, mean, variance)
            above = normal_cdf(-a)
            value = value + bend * (variance.sqrt() * normal_density(a) + (mean - knot) * above)
            slope = slope + bend * above
        return value, slope


def step_with_mean(
    p: Float[Tensor, "..."], c: Gram, q: Gram, mean_p: Gram, mean_q: Gram, *, nodes: int = 0
) -> Float[Tensor, "..."]:
    """Return the probability that two Gaussian variables are both positive, to 1e-9.

    Args:
        p: Variance of the first variable.
        c: Covariance.
        q: Variance of the second variable.
        mean_p: Mean of the first variable.
        mean_q: Mean of the second variable.
        nodes: The least number of nodes of the integral over the correlation; see `density_integral`.

    Returns:
        The probability, of the broadcast shape.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> step_with_mean(one, 0 * one, one, one, 0 * one)  # Φ(1)/2
        tensor(0.4207, dtype=torch.float64)
    """
    rho, _ = correlation(p, c, q)
    a, b = _standardise(0.0, mean_p, p), _standardise(0.0, mean_q, q)
    integral = density_integral(a, b, rho, weighted=False, nodes=nodes)
    return normal_cdf(-a) * normal_cdf(-b) + integral / (2 * math.pi)
