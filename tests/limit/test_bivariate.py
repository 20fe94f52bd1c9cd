"""Integrals of the bivariate normal density, against adaptive quadrature of many digits."""

import math

import mpmath
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from rainbownet.limit import bivariate
from rainbownet.limit.bivariate import density_integral
from rainbownet.limit.piecewise import PiecewiseLinear, step_with_mean

OFFSETS = st.floats(-40, 40) | st.floats(-4, 4)
CLOSE = st.floats(-18, -1).map(lambda power: 1 - 10**power)
CORRELATIONS = st.tuples(st.floats(0, 1) | CLOSE, st.sampled_from([-1, 1])).map(lambda pair: pair[0] * pair[1])


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def textbook(a, b, rho, *, weighted):
    """The definition in the angle, in 30 digits, its intervals ever shorter towards the end."""
    with mpmath.workdps(30):
        a, b, rho = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(rho)
        end = mpmath.asin(rho)

        def integrand(theta):
            sine, cosine = mpmath.sin(theta), mpmath.cos(theta)
            if abs(cosine) < mpmath.mpf(10) ** -25:
                return mpmath.mpf(0)
            factor = rho - sine if weighted else 1
            return factor * mpmath.exp(-(a * a - 2 * a * b * sine + b * b) / (2 * cosine**2))

        points = [end * (1 - mpmath.mpf(2) ** -k) for k in range(0, 32, 2)]
        return float(mpmath.quad(integrand, [*points, end]))


@settings(max_examples=30, deadline=None)
@given(OFFSETS, OFFSETS | st.none(), st.floats(-12, 1), CORRELATIONS, st.booleans())
@example(0.3, None, -9.0, 1 - 1e-15, True)
@example(0.3, None, -2.0, -(1 - 1e-4), False)
@example(8.0, -8.0, 0.0, -0.95, True)
@example(-1.6, 1.0, 0.0, 0.7, True)
@example(1.2, 1.1, 0.0, 0.7, True)
@example(0.4, 0.4, 0.0, 0.92, True)
@example(-1.6, 1.0, 0.0, 0.8, False)
@example(0.4, 0.4, 0.0, 0.92, False)
def test_integrals_are_those_of_adaptive_quadrature(a, b, power, rho, weighted):
    # Without a second offset it is one that nearly makes the two variables equal, or opposite.
    b = math.copysign(1, rho) * a + 10**power if b is None else b
    found = density_integral(number(a), number(b), number(rho), weighted=weighted).item()
    scale = math.sqrt((1 + a**2) * (1 + b**2)) if weighted else 1
    assert found == pytest.approx(textbook(a, b, rho, weighted=weighted), rel=0, abs=2 * math.pi * 1e-9 * scale)


@pytest.mark.parametrize("weighted", [True, False])
def test_where_one_method_follows_another_values_do_not_jump(weighted):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 300, generator=generator, dtype=torch.float64)
    for limit, _ in bivariate._TIERS[weighted]:
        below, above = (
            density_integral(a, b, torch.full_like(a, limit + step), weighted=weighted) for step in (-1e-13, 1e-13)
        )
        assert (below - above).abs().max() < 2 * math.pi * 1e-9


def test_pairs_of_a_block_are_those_taken_alone():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, dtype=torch.float64, generator=generator) for n in (90, 400))
    rho = 2 * torch.rand(90, 400, dtype=torch.float64, generator=generator) - 1
    block = density_integral(a[:, None], b[None], rho, weighted=True)
    for i, j in ((0, 0), (3, 399), (57, 201), (89, 17)):
        assert block[i, j].item() == pytest.approx(
            density_integral(a[i], b[j], rho[i, j], weighted=True).item(), rel=0, abs=1e-14
        )


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), CORRELATIONS)
def test_step_is_the_distribution_function_of_scipy(mean, other, rho):
    one = number(1.0)
    found = step_with_mean(one, rho * one, one, number(mean), number(other)).item()
    law = multivariate_normal(cov=[[1, rho], [rho, 1]], allow_singular=True, maxpts=10**6, abseps=1e-12, releps=1e-12)
    assert found == pytest.approx(law.cdf([mean, other]), rel=0, abs=1e-8)


def relu_textbook(p, mean, q, other, rho):
    """E max(u, 0) max(v, 0), given u the mean of a rectified Gaussian variable."""
    with mpmath.workdps(20):
        rest = mpmath.sqrt(q * (1 - mpmath.mpf(rho) ** 2))

        def integrand(g):
            m = other + mpmath.sqrt(q) * rho * g
            inner = m * mpmath.ncdf(m / rest) + rest * mpmath.npdf(m / rest)
            return (mean + mpmath.sqrt(p) * g) * inner * mpmath.npdf(g)

        start = -mean / mpmath.sqrt(p)
        bend = -other / (mpmath.sqrt(q) * rho)
        return float(mpmath.quad(integrand, sorted([start, start + 1, max(start, bend), 15])))


@pytest.mark.parametrize(
    ("p", "mean", "q", "other", "rho"),
    [(1.0, 0.3, 2.0, -0.4, 0.5), (0.5, -2.0, 1.5, 1.0, -0.85), (1.0, 0.2, 1.0, 0.25, 0.95)],
)
def test_relu_is_its_integral(p, mean, q, other, rho):
    dual = PiecewiseLinear((0.0,), (1.0,))
    found = dual(*(number(x) for x in (p, rho * math.sqrt(p * q), q, mean, other))).item()
    assert found == pytest.approx(relu_textbook(p, mean, q, other, rho), rel=0, abs=1e-9)


def test_gram_matrices_are_positive_to_rounding():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(60, 3, dtype=torch.float64, generator=generator)
    z = torch.cat([z, z + 1e-6 * z.flip(0), -z])
    means = torch.randn(180, dtype=torch.float64, generator=generator)
    norms = (z**2).sum(1)
    dual = PiecewiseLinear((0.0,), (1.0,))
    matrix = dual(norms[:, None], z @ z.T, norms[None], means[:, None], means[None])
    assert torch.linalg.eigvalsh(matrix).min() > -1e-10 * matrix.diagonal().sum()
