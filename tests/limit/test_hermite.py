"""The Hermite series of any activation: convergence, its bound, and refusals."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from limit_cases import monte_carlo_z, pairs, quadrature, samples
from rainbownet.errors import RainbowError
from rainbownet.limit import HermiteDual

ACTIVATIONS = {
    "tanh": (torch.tanh, ()),
    "silu": (F.silu, ()),
    "softplus": (F.softplus, ()),
    "gelu": (F.gelu, ()),
    "elu": (F.elu, (0.0,)),
    "hardswish": (F.hardswish, (-3.0, 3.0)),
    "relu": (torch.relu, (0.0,)),
    "jump": (lambda x: (x > 0.3).to(x), (0.3,)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_series_is_the_mean_over_neurons(name):
    activation, kinks = ACTIVATIONS[name]
    gram = pairs()
    dual = HermiteDual(activation, kinks=kinks)
    u, v = samples(*gram)
    values, expected = activation(u) * activation(v), dual(*gram)
    within_bound = (values.mean(1) - expected).abs() <= dual.error_bound(*gram)
    assert ((monte_carlo_z(values, expected) < 4.5) | within_bound).all()
    interior = gram[1].abs() < 0.95 * (gram[0] * gram[2]).sqrt() + 1e-300
    assert (monte_carlo_z(values, expected)[interior] < 4.5).all()


@pytest.mark.parametrize("name", ["silu", "softplus", "gelu"])
def test_series_is_the_converged_tensor_quadrature(name):
    gram = pairs()
    expected = quadrature(ACTIVATIONS[name][0], *gram)
    torch.testing.assert_close(HermiteDual(ACTIVATIONS[name][0])(*gram), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_doubling_the_order_moves_the_value_by_no_more_than_the_bounds(name):
    activation, kinks = ACTIVATIONS[name]
    gram = pairs(count=40)
    coarse, fine = (HermiteDual(activation, order=order, kinks=kinks) for order in (64, 128))
    allowed = coarse.error_bound(*gram) + fine.error_bound(*gram) + 1e-13 * (1 + gram[0] + gram[2])
    assert ((coarse(*gram) - fine(*gram)).abs() <= allowed).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_doubling_the_nodes_moves_the_value_by_rounding_only(name):
    activation, kinks = ACTIVATIONS[name]
    gram = pairs()
    coarse, fine = (HermiteDual(activation, nodes=nodes, kinks=kinks) for nodes in (256, 512))
    torch.testing.assert_close(coarse(*gram), fine(*gram), rtol=1e-9, atol=1e-11)


def test_smooth_activations_of_unit_variance_are_exact_to_rounding():
    one = torch.ones(1, dtype=torch.float64)
    rho = torch.linspace(-1, 1, 21, dtype=torch.float64)
    for activation in (torch.tanh, F.silu, F.softplus):
        bound = HermiteDual(activation).error_bound(one, rho, one, 0 * one, 0 * one)
        assert bound.max() < 1e-13


def test_equal_and_opposite_inputs_are_exact_even_for_a_jump():
    dual = HermiteDual(lambda x: (x > 0).to(x), kinks=(0.0,))
    one = torch.ones(1, dtype=torch.float64)
    torch.testing.assert_close(dual(one, one, one, 0 * one, 0 * one), 0.5 * one, rtol=1e-12, atol=0)
    torch.testing.assert_close(dual(one, -one, one, 0 * one, 0 * one), 0 * one, rtol=0, atol=1e-12)


def test_a_second_call_with_other_rows_does_not_reuse_the_first():
    dual, gram, other = HermiteDual(torch.tanh), pairs(), pairs(seed=5)
    dual(*gram)
    torch.testing.assert_close(dual(*other), HermiteDual(torch.tanh)(*other), rtol=0, atol=0)
    torch.testing.assert_close(
        dual(*other[:3], *gram[3:]), HermiteDual(torch.tanh)(*other[:3], *gram[3:]), rtol=0, atol=0
    )


def test_rows_changed_in_place_are_seen():
    dual, gram = HermiteDual(torch.tanh), pairs()
    dual(*gram)
    gram[3].add_(1)
    torch.testing.assert_close(dual(*gram), HermiteDual(torch.tanh)(*gram), rtol=0, atol=0)


def test_blocks_of_rows_share_the_coefficients_of_the_landmarks():
    seen = []

    class Spy(HermiteDual):
        def coefficients(self, variance, mean):
            seen.append(variance.numel())
            return super().coefficients(variance, mean)

    dual = Spy(torch.tanh)
    p, c, q, mean_p, mean_q = (value[:, None] for value in pairs())
    for rows in (slice(0, 4), slice(4, 8), slice(8, 12)):
        dual(p[rows], c[rows], q.T, mean_p[rows], mean_q.T)
    assert seen == [4, 12, 4, 4]


def test_any_truncation_is_a_positive_kernel():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    gram, norms = z @ z.T, (z**2).sum(1)
    zero = torch.zeros_like(norms)
    dual = HermiteDual(torch.tanh, order=4)
    matrix = dual(norms[:, None], gram, norms[None], zero[:, None], zero[None])
    assert torch.linalg.eigvalsh(matrix).min() > -1e-12


@pytest.mark.parametrize("order", [0, 3, -2])
def test_odd_orders_are_refused(order):
    with pytest.raises(RainbowError, match="order"):
        HermiteDual(torch.tanh, order=order)


def test_orders_the_nodes_cannot_resolve_are_refused():
    with pytest.raises(RainbowError, match="nodes: 64"):
        HermiteDual(torch.tanh, order=128, nodes=64)


@pytest.mark.parametrize(
    "module", [nn.Softmax(dim=-1), nn.Dropout(0.5), nn.LayerNorm(5, dtype=torch.float64), torch.sum]
)
def test_functions_that_are_not_pointwise_are_refused(module):
    with pytest.raises(RainbowError, match="each number alone"):
        HermiteDual(module)


def test_functions_that_are_not_finite_are_refused():
    with pytest.raises(RainbowError, match="not finite somewhere"):
        HermiteDual(lambda x: torch.log(x + 3))(*pairs())


def test_single_numbers_have_the_dual_of_a_row_of_one():
    numbers = [torch.tensor(v, dtype=torch.float64) for v in (1.5, 0.4, 0.7, 0.2, -0.3)]
    dual = HermiteDual(torch.tanh)
    single, row = dual(*numbers), dual(*(number[None] for number in numbers))
    assert single.shape == ()
    assert torch.equal(single, row[0])
    assert torch.equal(dual.error_bound(*numbers), dual.error_bound(*(number[None] for number in numbers))[0])
