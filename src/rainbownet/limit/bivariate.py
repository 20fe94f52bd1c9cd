r"""Integrals of the bivariate normal density over the correlation, to 1e-9, at a few operations a pair.

Plackett (Biometrika 1954): the orthant probability of two standard Gaussian variables with thresholds `a`, `b` has
derivative :math:`\varphi(r)/2\pi` in their correlation `r`, with

.. math:: \varphi(r) = (1 - r^2)^{-1/2} \exp\left(-\frac{a^2 - 2abr + b^2}{2(1 - r^2)}\right).

Two ways of integrating it meet. Away from :math:`|\rho| = 1` it is a Gauss–Legendre sum in the tangent of half the
angle, :math:`r = 2t/(1+t^2)`: all is rational but one exponential. Where :math:`\rho - r` is a factor, which vanishes
at the end, it is a Gauss–Jacobi sum, of two nodes less. Close to it the integral from :math:`\rho` to 1 is
taken instead, in :math:`x = \sqrt{1-r^2}`, where :math:`\exp(-(a-b)^2/2x^2)` has no expansion at zero but multiplies a
smooth function of :math:`x^2`; against powers of :math:`x` it has a closed form (Drezner & Wesolowsky, J. Stat. Comput.
Simul. 1990, and Genz, Stat. Comput. 2004, take the first terms of it).
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rainbownet.limit.legendre import gauss_jacobi, gauss_legendre

_TIERS = {True: ((0.7, 5), (0.92, 9)), False: ((0.8, 7), (0.92, 11))}
"""Correlations up to which a sum serves, and its number of nodes, with the factor and without."""

_DEGREE = 7
"""Degree in x² of what multiplies the exponential near correlations ±1."""

_CACHED = 1 << 15
"""Pairs whose sums are taken at a time, so that their buffers stay in the cache of a core."""

_LOG2E = 1 / math.log(2)  # exp2 takes a third of the time of exp


def normal_cdf(x: Tensor) -> Tensor:
    """Return the standard normal distribution function, accurate in both tails.

    Example:
        >>> normal_cdf(torch.tensor(0.0))
        tensor(0.5000)
    """
    return 0.5 * torch.erfc(-x / math.sqrt(2))


def normal_density(x: Tensor) -> Tensor:
    """Return the standard normal density.

    Example:
        >>> normal_density(torch.tensor(0.0))
        tensor(0.3989)
    """
    return torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def density_integral(a: Tensor, b: Tensor, rho: Tensor, *, weighted: bool, nodes: int = 0) -> Tensor:
    r"""Return :math:`\int_0^\rho \varphi(r)\,dr`, or :math:`\int_0^\rho (\rho - r)\,\varphi(r)\,dr`.

    Divided by 2π, errors are below 1e-9, with the factor relative to :math:`\sqrt{(1+a^2)(1+b^2)}`. They are largest
    for correlations just below 0.7 with the factor and 0.8 without; below 0.5 they are 1e-12, near 1 rounding.

    Args:
        a: First thresholds, at most 40 in absolute value.
        b: Second thresholds.
        rho: Correlations between -1 and 1, in float64.
        weighted: Whether :math:`\rho - r` is a factor.
        nodes: The least number of nodes of a sum; 5 and 9 serve with the factor, 7 and 11 without.

    Returns:
        The integrals, of the broadcast shape.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> density_integral(0 * one, 0 * one, 0.5 * one, weighted=False)  # arcsin(1/2)
        tensor(0.5236, dtype=torch.float64)
    """
    shape = torch.broadcast_shapes(a.shape, b.shape, rho.shape)
    rho = rho.expand(shape).contiguous()
    if not shape:
        return density_integral(a[None], b[None], rho[None], weighted=weighted, nodes=nodes)[0]
    limit, least = _TIERS[weighted][0]
    where = (rho.abs() > limit).nonzero(as_tuple=True)
    count = len(where[0])
    total = torch.empty_like(rho) if count == rho.numel() else _sum_over_nodes(a, b, rho, max(nodes, least), weighted)
    if count:
        total[where] = far_integral(a.expand(shape)[where], b.expand(shape)[where], rho[where], nodes, weighted)
    return total


def far_integral(a: Tensor, b: Tensor, rho: Tensor, nodes: int, weighted: bool) -> Tensor:
    """Return the integrals of `density_integral` for vectors of pairs whose correlations are above its first tier.

    Example:
        >>> one = torch.ones(1, dtype=torch.float64)
        >>> far_integral(0 * one, 0 * one, one, 0, weighted=True)  # π/2 - 1
        tensor([0.5708], dtype=torch.float64)
    """
    limit, least = _TIERS[weighted][1]
    near = rho.abs() > limit
    result = torch.empty_like(rho)
    for part, work in ((~near, _sum_over_nodes), (near, _expansion)):
        chosen = part.nonzero()[:, 0]
        if len(chosen):
            result[chosen] = work(a[chosen], b[chosen], rho[chosen], max(nodes, least), weighted)
    return result


def _sum_over_nodes(a: Tensor, b: Tensor, rho: Tensor, nodes: int, weighted: bool) -> Tensor:
    """Return Gauss sums in t from 0 to tan(arcsin(rho)/2).

    With A = 1 + t², B = 1 - t² the exponent is A (2abt - (a² + b²) A / 2) / B², and the factor rho - r times the
    Jacobian 2 / A, at the fraction x of the end T, is 4 T² (1 - x) (1 - x T²) / ((1 + T²) A²), in which 1 - x belongs
    to the weights of the sum.
    """
    total, shape = torch.empty_like(rho), rho.shape
    a, b = (x[(None,) * (rho.ndim - x.ndim)] for x in (a, b))
    rows = max(1, _CACHED // max(1, math.prod(shape[1:])))
    one = rho.new_ones(())
    first = (a * (2 * _LOG2E), a * a * (_LOG2E / 2))
    second = (b, b * b * (_LOG2E / 2))
    buffers = [rho.new_empty(min(rows, shape[0]), *shape[1:]) for _ in range(6)]
    gauss = gauss_jacobi if weighted else gauss_legendre
    rule = list(zip(*(x.tolist() for x in gauss(nodes)), strict=True))
    for start in range(0, shape[0], rows):
        part = slice(start, start + rows)
        end, into = rho[part], total[part]
        square, cross, halves, above, below, value = (buffer[: len(end)] for buffer in buffers)
        (scaled, left), (other, right) = ([x[part] if len(x) > 1 else x for x in pair] for pair in (first, second))
        # T = rho / (1 + √(1 - rho²))
        torch.mul(end, end, out=square)
        torch.sub(one, square, out=square)
        square.sqrt_().add_(1)
        torch.div(end, square, out=above)
        torch.mul(above, scaled, out=cross)
        cross.mul_(other)
        torch.mul(above, above, out=square)
        torch.add(left, right, out=halves)
        ends = None if weighted else above * 2
        into.zero_()
        for x, weight in rule:
            torch.add(one, square, alpha=x * x, out=above)
            torch.add(one, square, alpha=-x * x, out=below)
            torch.mul(cross, x, out=value)
            value.addcmul_(halves, above, value=-1).mul_(above).div_(below.mul_(below)).exp2_()
            if weighted:
                torch.add(one, square, alpha=-x, out=below)
                into.add_(value.mul_(below).div_(above.mul_(above)), alpha=weight)
            else:
                into.add_(value.div_(above), alpha=weight)
        if ends is None:
            into.mul_(square).div_(square.add_(1)).mul_(4)
        else:
            into.mul_(ends)
    return total


def _expansion(a: Tensor, b: Tensor, rho: Tensor, _: int, weighted: bool) -> Tensor:
    """Return the integrals as that from 0 to ±1 less that from rho, for vectors of correlations close to ±1."""
    side = torch.where(rho < 0, -1.0, 1.0).to(rho.dtype)
    rho, h, k = rho.abs(), -a, -b * side
    low, high = torch.minimum(h, k), torch.maximum(h, k)
    cdf_h, cdf_k, cdf = normal_cdf(h), normal_cdf(k), normal_cdf(low)
    tail = _from_rho_to_one(h, k, rho, weighted)
    if not weighted:
        return side * (2 * math.pi * (cdf - cdf_h * cdf_k) - tail)
    # E (h + g)₊ (k + g')₊ at correlations 1 and 0, with their derivatives in the correlation.
    whole = (h * k + rho) * cdf + high * normal_density(low)
    apart = (h * cdf_h + normal_density(h)) * (k * cdf_k + normal_density(k)) + rho * cdf_h * cdf_k
    return 2 * math.pi * (whole - apart) + tail


def _from_rho_to_one(h: Tensor, k: Tensor, rho: Tensor, weighted: bool) -> Tensor:
    r"""Return :math:`\int_\rho^1 \varphi`, or with the factor :math:`r - \rho`.

    It is :math:`\int_0^X e^{-\delta^2/2x^2} w(x^2)\,dx` with :math:`X^2 = 1 - \rho^2`, :math:`\delta = h - k` and `w`
    smooth, which is interpolated in x²/X² at Chebyshev points.
    """
    square = (1 - rho) * (1 + rho)
    width, delta = square.sqrt(), h - k
    points, powers = (x.to(rho) for x in _interpolation(_DEGREE))
    r = (1 - points[:, None] * square).sqrt_()
    # Where e^(-δ²/2x²) ends all, w must not overflow.
    values = (h * k * -_LOG2E / (1 + r)).clamp_(max=800.0).exp2_().div_(r)
    if weighted:
        values.mul_((1 - points[:, None]) * square).div_(r.add_(rho))
    coefficients = powers @ values
    # Integrals over s = x/X of s^2i exp(-κ/s²), by parts from that of i = 0.
    kappa = delta**2 / (2 * square).clamp_min(1e-300)
    edge, root = torch.exp(-kappa), kappa.sqrt()
    integral = edge - math.sqrt(math.pi) * root * torch.erfc(root)
    total = coefficients[0] * integral
    for i in range(1, _DEGREE + 1):
        integral = (edge - 2 * kappa * integral) / (2 * i + 1)
        total.addcmul_(coefficients[i], integral)
    return total.mul_(width)


@lru_cache(maxsize=1)
def _interpolation(degree: int) -> tuple[Tensor, Tensor]:
    """Return Chebyshev points on [0, 1] and the matrix from values there to coefficients of powers."""
    points = (1 - np.cos(math.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))) / 2
    return torch.from_numpy(points), torch.from_numpy(np.linalg.inv(np.vander(points, increasing=True)))
