"""Closed forms against Monte-Carlo, against quadrature, and at the edges of the Gram matrix."""

import pytest
import torch
from numpy.polynomial.hermite_e import hermeval
from torch.nn import functional as F

from limit_cases import monte_carlo_z, pairs, quadrature, samples
from rainbownet.limit import HermiteDual, closed


def cubic(x):
    return 1 - 2 * x + 0.5 * x**3


def third_hermite(x):
    return torch.from_numpy(hermeval(x.numpy(), [0, 0, 0, 6**-0.5]))


SMOOTH = {
    "identity": (closed.identity, lambda x: x),
    "erf": (closed.erf, torch.erf),
    "sin": (closed.sine, torch.sin),
    "cos": (closed.cosine, torch.cos),
    "gelu": (closed.gelu, F.gelu),
    "polynomial": (closed.polynomial([1.0, -2.0, 0.0, 0.5]), cubic),
    "hermite": (closed.hermite(3), third_hermite),
}
KINKED = {
    "relu": (closed.relu, torch.relu),
    "leaky": (closed.leaky_relu(0.2), lambda x: F.leaky_relu(x, 0.2)),
    "abs": (closed.absolute, torch.abs),
    "step": (closed.step, lambda x: (x > 0).to(x)),
    "sign": (closed.sign, torch.sign),
}
ALL = SMOOTH | KINKED


@pytest.mark.parametrize("name", ALL)
def test_closed_form_is_the_mean_over_neurons(name):
    dual, activation = ALL[name]
    p, c, q, _, _ = pairs()
    zero = torch.zeros_like(p)
    u, v = samples(p, c, q, zero, zero)
    assert monte_carlo_z(activation(u) * activation(v), dual(p, c, q)).max() < 4.5


@pytest.mark.parametrize("name", SMOOTH)
def test_closed_form_is_the_converged_quadrature(name):
    dual, activation = SMOOTH[name]
    p, c, q, _, _ = pairs()
    zero = torch.zeros_like(p)
    torch.testing.assert_close(dual(p, c, q), quadrature(activation, p, c, q, zero, zero), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", KINKED)
def test_closed_form_is_within_the_bound_of_the_hermite_series(name):
    dual, activation = KINKED[name]
    p, c, q, _, _ = pairs()
    zero = torch.zeros_like(p)
    series = HermiteDual(activation, kinks=(0.0,))
    error = (series(p, c, q, zero, zero) - dual(p, c, q)).abs()
    assert (error <= series.error_bound(p, c, q, zero, zero) + 1e-13 * (p + q + 1)).all()


@pytest.mark.parametrize("name", ALL)
def test_equal_inputs_have_the_energy_of_the_activation(name):
    dual, activation = ALL[name]
    p = torch.tensor([0.1, 1.0, 4.0], dtype=torch.float64)
    zero = torch.zeros_like(p)
    series = HermiteDual(activation, kinks=(0.0,))
    torch.testing.assert_close(dual(p, p, p), series(p, p, p, zero, zero), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_a_zero_vector_gives_the_activation_at_zero(name):
    dual, activation = ALL[name]
    zero, q = torch.zeros(1, dtype=torch.float64), torch.full((1,), 2.0, dtype=torch.float64)
    at_zero = activation(zero)
    mean = HermiteDual(activation, kinks=(0.0,)).coefficients(q, zero)[0]
    torch.testing.assert_close(dual(zero, zero, q), at_zero * mean, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(dual(zero, zero, zero), at_zero**2, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["relu", "leaky", "abs"])
def test_homogeneous_activations_scale_with_the_norms(name):
    dual, _ = ALL[name]
    p, c, q, _, _ = pairs()
    torch.testing.assert_close(dual(1e200 * p, 1e100 * c, q), 1e100 * dual(p, c, q), rtol=1e-7, atol=0)


def test_large_norms_do_not_overflow():
    large = torch.tensor([1e6], dtype=torch.float64)
    for dual in (closed.sine, closed.cosine):
        torch.testing.assert_close(dual(large, large, large), torch.tensor([0.5], dtype=torch.float64))
    torch.testing.assert_close(closed.gelu(large, large, large) / large, torch.tensor([0.5], dtype=torch.float64))
