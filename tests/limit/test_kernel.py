"""Kernels of layers: the table of activations, means, biases and depth."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import quad
from torch import nn
from torch.nn import functional as F

from limit_cases import arc_cosine_recursion, monte_carlo_z
from rainbownet.errors import RainbowError
from rainbownet.limit import NystromFeatures, append_constant, dual_activation, dual_kernel, gram_matrix, kernel

MODULES = [
    nn.Identity(),
    nn.ReLU(),
    nn.LeakyReLU(0.3),
    nn.PReLU(),
    nn.Hardtanh(-0.5, 2.0),
    nn.ReLU6(),
    nn.Hardsigmoid(),
    nn.Softshrink(),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.ELU(),
    nn.SELU(),
    nn.Hardswish(),
    nn.SiLU(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Sigmoid(),
    nn.Mish(),
]
FUNCTIONS = [
    torch.relu,
    F.leaky_relu,
    F.hardtanh,
    F.relu6,
    F.hardsigmoid,
    torch.abs,
    torch.sign,
    torch.erf,
    torch.sin,
    torch.cos,
    F.gelu,
    F.celu,
    F.hardswish,
    torch.arctan,
]


def rows(count=6, channels=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, generator=generator, dtype=torch.float64)


def label(activation):
    return getattr(activation, "__name__", None) or str(activation)


@pytest.mark.parametrize("activation", MODULES + FUNCTIONS, ids=label)
@pytest.mark.parametrize("mean", [True, False])
def test_kernel_is_the_mean_over_neurons(activation, mean):
    z = rows()
    weights = torch.randn(5, 100_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    if mean:
        weights[4] = 1
    neurons = z @ weights
    with torch.no_grad():
        features = activation.double()(neurons) if isinstance(activation, nn.Module) else activation(neurons)
    values = dual_kernel(activation, mean=mean)(z, z)
    for i in range(len(z)):
        assert monte_carlo_z(features[i] * features, values[i]).max() < 4.5


@pytest.mark.parametrize("activation", MODULES + FUNCTIONS, ids=label)
def test_a_mean_of_zero_gives_the_centred_kernel(activation):
    z = rows()
    shifted = dual_kernel(activation, mean=True)(append_constant(z, 0.0), append_constant(z, 0.0))
    torch.testing.assert_close(shifted, dual_kernel(activation)(z, z), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("activation", [torch.relu, torch.tanh, torch.abs])
@pytest.mark.parametrize("mean", [True, False])
def test_diagonal_is_that_of_the_matrix(activation, mean):
    z = rows()
    layer = dual_kernel(activation, mean=mean)
    torch.testing.assert_close(layer.diagonal(z), layer(z, z).diagonal(), rtol=1e-10, atol=1e-12)


def test_white_relu_network_has_the_arc_cosine_kernel():
    x = rows(count=12)
    relu = dual_kernel(nn.ReLU())
    expected = arc_cosine_recursion(x, 3)
    features = x
    for _ in range(3):
        # All rows as landmarks: the features are exact on them, and are the next layer's input.
        features = NystromFeatures.fit(relu, features, cut=1e-14)(features)
    torch.testing.assert_close(features @ features.T, expected, rtol=0, atol=1e-10)


def test_a_constant_channel_is_a_random_bias():
    z = rows()
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(5, 100_000, generator=generator, dtype=torch.float64)
    biases = 0.5 * torch.randn(100_000, generator=generator, dtype=torch.float64)
    features = torch.tanh(z @ weights + biases)
    values = dual_kernel(torch.tanh)(append_constant(z, 0.5), append_constant(z, 0.5))
    assert monte_carlo_z(features[0] * features, values[0]).max() < 4.5


def test_blocks_do_not_change_the_values(monkeypatch):
    z = rows(count=30)
    layer = dual_kernel(torch.tanh, mean=True)
    whole = layer(z, z[:7])
    monkeypatch.setattr(kernel, "_BLOCK_WITH_MEANS", 14)
    torch.testing.assert_close(layer(z, z[:7]), whole, rtol=1e-13, atol=1e-14)


def test_single_precision_rows_are_computed_in_double():
    z = rows()
    values = dual_kernel(torch.relu)(z.float(), z.float())
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, dual_kernel(torch.relu)(z.float().double(), z.float().double()), rtol=0, atol=0)


def test_gram_matrix_of_blocks_is_the_kernel():
    z = rows(count=23)
    layer = dual_kernel(torch.relu)
    calls = []
    matrix = gram_matrix(layer, z, block=5, progress=lambda done, total: calls.append((done, total)))
    torch.testing.assert_close(matrix, layer(z, z), rtol=1e-13, atol=1e-14)
    assert calls == [(k, 15) for k in range(1, 16)]
    torch.testing.assert_close(gram_matrix(layer, z, z[:4], block=5), layer(z, z[:4]), rtol=1e-13, atol=1e-14)


def test_gram_matrix_never_asks_for_more_than_a_block():
    class Spy:
        def __call__(self, z, landmarks):
            assert max(len(z), len(landmarks)) <= 8
            return z.double() @ landmarks.double().T

        def diagonal(self, z):
            return (z.double() ** 2).sum(1)

    z = rows(count=50)
    out = torch.empty(50, 50)
    assert gram_matrix(Spy(), z, block=8, out=out) is out
    torch.testing.assert_close(out, (z @ z.T).float())


def test_what_cannot_be_used_is_named():
    with pytest.raises(RainbowError, match=r"ReLU\(\)"):
        dual_activation(nn.ReLU)
    with pytest.raises(RainbowError, match="3 slopes"):
        dual_activation(nn.PReLU(3))
    with pytest.raises(RainbowError, match="block"):
        gram_matrix(dual_kernel(torch.relu), rows(), block=0)
    with pytest.raises(RainbowError, match=r"\(6, 6\)"):
        gram_matrix(dual_kernel(torch.relu), rows(), out=torch.empty(2, 2))


def test_complex_rows_are_refused():
    with pytest.raises(RainbowError, match="z: rows are complex"):
        dual_kernel(torch.abs).diagonal(torch.ones(2, 3, dtype=torch.complex64))


@pytest.mark.parametrize(("variance", "mean"), [(4.0, 0.0), (2.0, -0.7)])
@pytest.mark.parametrize(
    ("module", "kinks"),
    [
        (nn.Hardswish(), (-3.0, 3.0)),
        (nn.Hardsigmoid(), (-3.0, 3.0)),
        (nn.Hardtanh(-0.5, 2.0), (-0.5, 2.0)),
        (nn.ReLU6(), (0.0, 6.0)),
        (nn.Softshrink(0.4), (-0.4, 0.4)),
        (nn.LeakyReLU(0.2), (0.0,)),
        (nn.ELU(), (0.0,)),
        (nn.SELU(), (0.0,)),
        (nn.CELU(0.5), (0.0,)),
        (nn.GELU(), ()),
        (nn.Tanh(), ()),
    ],
    ids=str,
)
def test_the_energy_of_a_registered_activation_is_its_integral_between_its_kinks(module, kinks, variance, mean):
    deviation = variance**0.5

    def energy(x: float) -> float:
        value = module(torch.tensor(x, dtype=torch.float64)).item()
        return value**2 * math.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))

    ends = [mean - 13 * deviation, *kinks, mean + 13 * deviation]
    expected = sum(quad(energy, a, b, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for a, b in pairwise(ends))
    p, m = (torch.tensor([value], dtype=torch.float64) for value in (variance, mean))
    found = dual_activation(module).shifted(p, p, p, m, m).item()
    assert found == pytest.approx(expected, rel=1e-9)
