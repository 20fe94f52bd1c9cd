"""The complex modulus under circular and under real weights."""

import pytest
import torch
from scipy.special import ellipe, ellipkm1, hyp2f1

from limit_cases import monte_carlo_z
from rainbownet.errors import RainbowError
from rainbownet.limit import RealModulus, circular_modulus, dual_kernel
from rainbownet.limit.modulus import elliptic_integrals


def complex_rows(count=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, 3, generator=generator, dtype=torch.complex128)
    z[0] = z[0].real * torch.exp(torch.tensor(0.7j, dtype=torch.complex128))
    z[1] = z[1].real + 1e-3j * z[1].imag
    z[2] = 0
    z[3] = z[4]
    return z


def draws(kind, count=100_000):
    generator = torch.Generator().manual_seed(1)
    dtype = torch.complex128 if kind == "circular" else torch.float64
    return torch.randn(3, count, generator=generator, dtype=dtype).to(torch.complex128)


@pytest.mark.parametrize("kind", ["circular", "real"])
def test_kernel_is_the_mean_over_neurons(kind):
    z = complex_rows()
    kernel = dual_kernel(torch.abs, weights=kind)
    features = (z @ draws(kind)).abs()
    for i in range(len(z)):
        assert monte_carlo_z(features[i] * features, kernel(z[i : i + 1], z)[0]).max() < 4.5


def test_circular_form_is_the_hypergeometric_series():
    m = torch.tensor([0.0, 0.1, 0.5, 0.9, 0.999999, 1.0], dtype=torch.float64)
    one = torch.ones_like(m)
    expected = torch.pi / 4 * hyp2f1(-0.5, -0.5, 1, m.numpy())
    torch.testing.assert_close(circular_modulus(one, m.sqrt(), one), torch.from_numpy(expected), rtol=1e-9, atol=0)


def test_elliptic_integrals_are_those_of_scipy():
    complement = torch.tensor([1.0, 0.5, 1e-3, 1e-12, 1e-30], dtype=torch.float64)
    first, second = elliptic_integrals(complement)
    torch.testing.assert_close(first, torch.from_numpy(ellipkm1(complement.numpy())), rtol=1e-13, atol=0)
    torch.testing.assert_close(second, torch.from_numpy(ellipe(1 - complement.numpy())), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", ["circular", "real"])
def test_diagonal_is_the_squared_norm(kind):
    z = complex_rows()
    kernel = dual_kernel(torch.abs, weights=kind)
    norms = (z.abs() ** 2).sum(1)
    torch.testing.assert_close(kernel.diagonal(z), norms, rtol=1e-12, atol=0)
    torch.testing.assert_close(kernel(z, z).diagonal(), norms, rtol=3e-6, atol=0)


def test_real_quadrature_converges_at_the_stated_rate():
    z = complex_rows()
    fine = RealModulus(96)(z, z)
    # The nearly real row 1 reaches the rate only once the nodes resolve its thin ellipse.
    coarse, double = ((RealModulus(nodes)(z, z) - fine)[2:, 2:].abs().max() for nodes in (16, 32))
    assert double < coarse / 8
    norms = (z.abs() ** 2).sum(1).sqrt()
    assert ((RealModulus()(z, z) - fine).abs() <= 3e-6 * norms[:, None] * norms[None]).all()


def test_rows_real_up_to_a_phase_have_the_kernel_of_the_absolute_value():
    z = complex_rows().real
    phases = torch.exp(1j * torch.arange(len(z), dtype=torch.float64))
    torch.testing.assert_close(
        RealModulus()(z * phases[:, None], z + 0j), dual_kernel(torch.abs)(z, z), rtol=1e-10, atol=1e-12
    )


def test_complex_rows_under_another_activation_are_refused():
    with pytest.raises(RainbowError, match="complex"):
        dual_kernel(torch.relu)(complex_rows(), complex_rows())
    with pytest.raises(RainbowError, match=r"torch\.abs"):
        dual_kernel(torch.relu, weights="circular")
    with pytest.raises(RainbowError, match="mean"):
        dual_kernel(torch.abs, mean=True)(complex_rows(), complex_rows())
