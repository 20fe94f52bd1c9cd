"""The complex layers: against the definitions, written out."""

import pytest
import torch
from torch import nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets.layers import (
    ComplexStandardization,
    Conv1x1,
    DivisiveNormalization,
    RealChannels,
    RealOnComplex1x1,
)


def complex_images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.complex64) + (1 + 2j)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_a_1x1_convolution_is_what_torch_computes(dtype):
    layer = Conv1x1(3, 5, dtype=dtype)
    x = complex_images(2, 3, 4, 4).to(dtype) if dtype.is_complex else complex_images(2, 3, 4, 4).real
    assert torch.allclose(layer(x), nn.functional.conv2d(x, layer.weight), atol=1e-6)


def test_a_real_matrix_acts_on_both_parts():
    layer, x = RealOnComplex1x1(3, 5), complex_images(2, 3, 4, 6)
    expected = torch.einsum("oc,bchw->bohw", layer.weight[:, :, 0, 0].to(x.dtype), x)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_initial_real_weights_have_variance_one_over_three_inputs():
    assert RealOnComplex1x1(300, 200).weight.var().item() * 300 == pytest.approx(1 / 3, rel=0.02)


def test_complex_layers_work_under_autocast():
    x = complex_images(2, 3, 4, 4)
    layer = nn.Sequential(ComplexStandardization(3), RealOnComplex1x1(3, 5), DivisiveNormalization())
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (layer(x) - expected).abs().max() < 0.02


def test_training_standardizes_by_the_complex_mean_and_the_real_variance():
    x = complex_images(8, 3, 4, 4)
    layer = ComplexStandardization(3, eps=0.0)
    y = layer(x)
    mean = x.mean(dim=(0, 2, 3))
    variance = (x - mean[:, None, None]).abs().square().mean(dim=(0, 2, 3))
    assert torch.allclose(y, (x - mean[:, None, None]) / variance.sqrt()[:, None, None], atol=1e-5)
    count = x.numel() // 3
    assert torch.allclose(layer.running_mean, 0.1 * mean, atol=1e-6)
    assert torch.allclose(layer.running_var, 0.9 + 0.1 * variance * count / (count - 1), atol=1e-5)
    assert layer.num_batches_tracked == 1


def test_evaluation_uses_the_running_statistics():
    layer = ComplexStandardization(2, eps=0.0).eval()
    layer.running_mean.copy_(torch.tensor([1 + 1j, 2j]))
    layer.running_var.copy_(torch.tensor([4.0, 0.25]))
    y = layer(torch.full((1, 2, 1, 1), 3 + 1j, dtype=torch.complex64)).flatten()
    assert torch.allclose(y, torch.tensor([1 + 0j, 6 - 2j], dtype=torch.complex64))


def test_standardizing_real_data_is_batch_norm():
    x = complex_images(8, 3, 4, 4).real
    ours = ComplexStandardization(3)(x.to(torch.complex64))
    assert torch.allclose(ours.real, nn.BatchNorm2d(3, affine=False)(x), atol=1e-5)
    assert ours.imag.abs().max() < 1e-6


@pytest.mark.parametrize("part", ["real", "complex"])
def test_division_gives_norm_one_at_every_position_and_zero_at_zero(part):
    x = complex_images(2, 5, 3, 3) if part == "complex" else complex_images(2, 5, 3, 3).real.clone()
    x[0, :, 0, 0] = 0
    norms = DivisiveNormalization()(x).abs().square().sum(dim=1)
    assert norms[0, 0, 0] == 0
    assert torch.allclose(norms.flatten()[1:], torch.ones(17), atol=1e-5)


def test_division_has_finite_gradients_at_zero():
    x = torch.zeros(1, 3, 1, 1, requires_grad=True)
    DivisiveNormalization()(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    with pytest.raises(ArchitectureError, match=r"eps=0"):
        DivisiveNormalization(eps=0.0)


def test_real_channels_interleave_and_say_where_they_come_from():
    x = complex_images(2, 3, 4, 4)
    y, sources = RealChannels()(x), RealChannels().channel_sources(3)
    assert sources == [0, 0, 1, 1, 2, 2]
    assert torch.equal(y[:, ::2], x.real)
    assert torch.equal(y[:, 1::2], x.imag)
