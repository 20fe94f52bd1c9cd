"""Piecewise linear functions and the step, with means."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import multivariate_normal
from torch.nn import functional as F

from limit_cases import monte_carlo_z, pairs, samples
from rainbownet.limit import PiecewiseLinear, closed
from rainbownet.limit.piecewise import step_with_mean

CASES = {
    "relu": (PiecewiseLinear((0.0,), (1.0,)), torch.relu),
    "abs": (PiecewiseLinear((0.0,), (2.0,), slope=-1.0), torch.abs),
    "hardtanh": (PiecewiseLinear((-1.0, 1.0), (1.0, -1.0), intercept=-1.0), F.hardtanh),
    "softshrink": (PiecewiseLinear((-0.5, 0.5), (-1.0, 1.0), slope=1.0, intercept=0.5), F.softshrink),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("means", [True, False])
def test_dual_is_the_mean_over_neurons(name, means):
    dual, activation = CASES[name]
    gram = pairs()
    if not means:
        gram = (*gram[:3], 0 * gram[3], 0 * gram[4])
    u, v = samples(*gram)
    assert monte_carlo_z(activation(u) * activation(v), dual(*gram)).max() < 4.5


@pytest.mark.parametrize("name", CASES)
def test_doubling_the_nodes_moves_the_value_by_less_than_stated(name):
    dual, _ = CASES[name]
    p, _, q, mean_p, mean_q = gram = pairs(count=200)
    scale = ((p + mean_p**2) * (q + mean_q**2)).sqrt() + 1e-12
    assert ((dual(*gram) - replace(dual, nodes=64)(*gram)).abs() / scale).max() < 3e-8


def test_relu_without_means_is_the_arc_cosine_kernel():
    p, c, q, mean_p, _ = pairs()
    dual = replace(CASES["relu"][0], nodes=12)
    torch.testing.assert_close(dual(p, c, q, 0 * mean_p, 0 * mean_p), closed.relu(p, c, q), rtol=1e-12, atol=1e-14)


def test_a_large_mean_leaves_the_linear_part():
    p, c, q, _, _ = pairs()
    high = torch.full_like(p, 100.0)
    torch.testing.assert_close(CASES["relu"][0](p, c, q, high, high), c + 1e4, rtol=1e-12, atol=0)
    torch.testing.assert_close(CASES["relu"][0](p, c, q, -high, high), 0 * c, rtol=0, atol=1e-12)


def test_step_is_the_bivariate_normal_distribution_function():
    p, c, q, mean_p, mean_q = gram = pairs()
    for i in range(7, len(p)):
        covariance = [[float(p[i]), float(c[i])], [float(c[i]), float(q[i])]]
        expected = multivariate_normal(mean=[0.0, 0.0], cov=covariance).cdf([float(mean_p[i]), float(mean_q[i])])
        assert float(step_with_mean(*(x[i] for x in gram))) == pytest.approx(expected, abs=1e-5)


def test_step_without_means_is_its_closed_form():
    p, c, q, mean_p, _ = (x[7:] for x in pairs())
    zero = torch.zeros_like(mean_p)
    torch.testing.assert_close(step_with_mean(p, c, q, zero, zero), closed.step(p, c, q), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_pairs_of_a_grid_are_those_of_a_quadrature_of_many_nodes(name):
    generator = torch.Generator().manual_seed(0)
    dual, _ = CASES[name]
    z, other = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (150, 90))
    other[:30] = z[:30] * torch.logspace(-3, 3, 30, dtype=torch.float64)[:, None]
    other[30:40] = -z[30:40] + 1e-6
    other[40] = 0.0
    means, others = (torch.randn(n, generator=generator, dtype=torch.float64) for n in (150, 90))
    p, q = ((x**2).sum(1) for x in (z, other))
    exact = replace(dual, nodes=96)
    found = dual(p[:, None], z @ other.T, q[None], means[:, None], others[None])
    # One pair at a time there is no grid.
    alone = exact(
        p[:, None].expand(150, 90), z @ other.T, q.expand(150, 90), *torch.meshgrid(means, others, indexing="ij")
    )
    scale = ((p + means**2)[:, None] * (q + others**2)[None]).sqrt()
    assert ((found - alone).abs() / scale).max() < 1e-9 * sum(map(abs, dual.bends)) ** 2


def test_a_grid_of_large_bends_and_transposed_rows_is_the_same():
    generator = torch.Generator().manual_seed(0)
    z, means = torch.randn(40, 3, generator=generator, dtype=torch.float64), torch.linspace(-2, 2, 40).double()
    gram, p = z @ z.T, (z**2).sum(1)
    one, large = (PiecewiseLinear((0.0,), (bend,)) for bend in (1.0, 1e30))
    arguments = (p[:, None], gram.T, p[None], means[:, None], means[None])
    torch.testing.assert_close(large(*arguments), 1e60 * one(*arguments), rtol=1e-12, atol=1e46)
    torch.testing.assert_close(one(*arguments), one(p[:, None], gram, p[None], *arguments[3:]), rtol=1e-12, atol=1e-12)
