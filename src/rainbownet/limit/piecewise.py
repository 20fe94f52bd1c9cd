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

from rainbownet.limit.bivariate import density_integral, far_integral, normal_cdf, normal_density
from rainbownet.limit.closed import Gram, correlation
from rainbownet.limit.mehler import PAIRS, REACH, Bends, Series

_FAR = 40.0  # exp(-40²/2) is zero in float64


def _standardise(knot: float, mean: Gram, variance: Gram) -> Gram:
    return ((knot - mean) / variance.sqrt().clamp_min(1e-150)).clamp(-_FAR, _FAR)


def _roots(variance: Gram) -> tuple[Gram, Gram]:
    """Return the deviation and its inverse, zero where it is."""
    root = variance.sqrt()
    return root, torch.where(root > 0, 1 / root, 0.0)


def _is_grid(first: Gram, c: Gram, second: Gram) -> bool:
    """Whether the pairs are those of all rows with all landmarks."""
    return c.ndim == 2 and first.shape == (len(c), 1) and second.shape == (1, c.shape[1])


@dataclass(frozen=True)
class PiecewiseLinear:
    r"""The dual of a piecewise linear function.

    .. math:: \sigma(x) = \text{intercept} + \text{slope}\,x + \sum_i b_i \max(x - t_i, 0)

    Its error, relative to :math:`\sqrt{(p + \mu^2)(q + \mu'^2)}`, is below :math:`10^{-9} (\sum_i |b_i|)^2`, see
    `density_integral`.

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
        first, second = self._bends(p, mean_p), self._bends(q, mean_q)
        if self.nodes == 0 and self.knots and _is_grid(first[0][1], c, second[0][1]):
            return self._on_grid(p, c.contiguous(), q, mean_p, mean_q)
        (value_p, slope_p), (value_q, slope_q) = self._moments(p, mean_p), self._moments(q, mean_q)
        rho, scale = correlation(p, c, q)
        result = value_p * value_q + c * slope_p * slope_q
        for bend, a in first:
            for other, b in second:
                integral = density_integral(a, b, rho, weighted=True, nodes=self.nodes)
                result = result + scale * integral * (bend * other / (2 * math.pi))
        return result

    def _on_grid(self, p: Gram, c: Gram, q: Gram, mean_p: Gram, mean_q: Gram) -> Gram:
        """Return the dual of all rows with all landmarks, some rows at a time; near correlations ±1 pair by pair."""
        (value_p, slope_p), (value_q, slope_q) = self._moments(p, mean_p), self._moments(q, mean_q)
        (root_p, over_p), (root_q, over_q) = _roots(p), _roots(q)
        unit = max(abs(bend) for bend in self.bends)
        first, second = ([(b / unit, a.flatten()) for b, a in self._bends(*x)] for x in ((p, mean_p), (q, mean_q)))
        root_q = root_q * (unit**2 / (2 * math.pi))
        series, result, columns = Series(first, second), torch.empty_like(c), c.shape[1]
        found: list[tuple[Tensor, Tensor]] = []
        step = max(1, PAIRS // max(1, columns))
        for start in range(0, len(c), step):
            part = slice(start, start + step)
            rho = (c[part] * over_p[part]).mul_(over_q).clamp_(-1.0, 1.0)
            integral = series.sum(part, rho)
            far = (rho.abs() > REACH).view(-1).nonzero()[:, 0]
            if len(far):
                integral.view(-1)[far] = 0.0
                found.append((far + start * columns, rho.view(-1)[far]))
            into = torch.mul(c[part], slope_p[part], out=result[part]).mul_(slope_q)
            into.addcmul_(value_p[part], value_q).addcmul_(integral.mul_(root_p[part]), root_q)
        if found:
            where, rho = (torch.cat(parts) for parts in zip(*found, strict=True))
            row = where // columns
            column = where - row * columns
            scale = root_p[:, 0][row] * root_q[0][column]
            for bend, a in first:
                for other, b in second:
                    integral = far_integral(a[row], b[column], rho, 0, weighted=True)
                    result.view(-1).index_add_(0, where, integral.mul_(scale), alpha=bend * other)
        return result

    def _bends(self, variance: Gram, mean: Gram) -> Bends:
        """Return the bends with the standardised knots."""
        return [(bend, _standardise(t, mean, variance)) for t, bend in zip(self.knots, self.bends, strict=True)]

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
