"""The wavelet transform: its four routes, sizes, and gradients."""

import pytest
import torch
import torch.nn.functional as F

from rainbownet.errors import ArchitectureError
from rainbownet.nets.collapse import PhaseCollapse, SkipModulus
from rainbownet.nets.filters import filter_bank
from rainbownet.nets.wavelet import WaveletTransform


def images(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def textbook(x: torch.Tensor, scale: str) -> torch.Tensor:
    """Pad, filter and crop one image by direct sums over the padded grid."""
    step = 1 if scale == "half_a" else 2
    sides = [2 * ((side + 2) // 2 + 1) for side in x.shape]
    low, high = filter_bank(*sides, scale=scale)
    space = torch.fft.ifft2(torch.cat([low[None], high]))
    pads = [(padded - side) // 2 for padded, side in zip(sides, x.shape, strict=True)]

    def mirrored(index: int, side: int) -> int:
        index = abs(index)
        return index if index < side else 2 * (side - 1) - index

    padded = torch.tensor(
        [
            [
                x[mirrored(row - pads[0], x.shape[0]), mirrored(column - pads[1], x.shape[1])].item()
                for column in range(sides[1])
            ]
            for row in range(sides[0])
        ],
        dtype=torch.complex128,
    )
    rows, columns = range(2, sides[0] - 2, step), range(2, sides[1] - 2, step)
    reach = torch.arange(sides[0])[:, None], torch.arange(sides[1])[None, :]
    return torch.stack(
        [
            torch.stack(
                [
                    (space[:, (r - reach[0]) % sides[0], (c - reach[1]) % sides[1]] * padded).sum(dim=(1, 2))
                    for c in columns
                ],
                dim=-1,
            )
            for r in rows
        ],
        dim=-2,
    )


@pytest.mark.parametrize(("side", "scale"), [((8, 8), "standard"), ((7, 6), "half_a"), ((6, 7), "half_b")])
def test_the_transform_is_the_sum_it_is_defined_by(side, scale):
    x = images(*side, dtype=torch.float64)
    low, high = WaveletTransform(side, scale=scale).double()(x[None, None])
    expected = textbook(x, scale)
    assert torch.allclose(low[0, 0].to(expected.dtype), expected[0], atol=1e-6)
    assert torch.allclose(high[0, 0], expected[1:], atol=1e-6)


@pytest.mark.parametrize("scale", ["standard", "half_a", "half_b"])
@pytest.mark.parametrize("side", [32, 16, 8, 7, 4, (12, 9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_routes_agree(scale, side, dtype):
    shape = (side, side) if isinstance(side, int) else side
    x = images(2, 3, *shape, dtype=dtype)
    low, high = WaveletTransform(side, scale=scale, route="fft")(x)
    for route in ("dense", "tiles", "convolution") if min(shape) > 8 else ("dense",):
        other_low, other_high = WaveletTransform(side, scale=scale, route=route)(x)
        assert (other_low - low).abs().max() < 1e-5
        assert (other_high - high).abs().max() < 1e-5


def test_other_numbers_of_angles_agree_too():
    x = images(1, 2, 24, 24)
    for angles in (3, 6):
        by_fft = WaveletTransform(24, angles=angles, route="fft")(x)[1]
        assert (WaveletTransform(24, angles=angles, route="dense")(x)[1] - by_fft).abs().max() < 1e-5


def test_an_odd_side_loses_a_sample_only_without_sub_sampling():
    assert WaveletTransform(7, scale="half_a").output_size == (6, 6)
    assert WaveletTransform(7, scale="half_b").output_size == (3, 3)
    assert WaveletTransform(14, scale="half_b").output_size == (7, 7)


def test_auto_is_dense_for_small_maps_and_tiles_for_large_ones():
    assert WaveletTransform(16).route == "dense"
    assert WaveletTransform(32).route == "tiles"
    assert WaveletTransform(32, first=True).route == "convolution"


@pytest.mark.parametrize("side", [18, (20, 33)])
@pytest.mark.parametrize("scale", ["standard", "half_a", "half_b"])
def test_tiles_have_the_gradient_of_convolution(scale, side):
    shape = (side, side) if isinstance(side, int) else side
    x = images(2, 3, *shape, dtype=torch.float64).requires_grad_()
    gradients = []
    for route in ("tiles", "convolution"):
        planes = PhaseCollapse(side, scale=scale, route=route).double().planes(x)
        gradients.append(torch.autograd.grad(planes, x, torch.cos(torch.arange(planes.numel()).view(planes.shape)))[0])
    assert torch.allclose(*gradients, atol=1e-12)


def test_a_complex_image_is_transformed_linearly():
    real, imaginary = images(1, 2, 8, 8), images(2, 2, 8, 8)[1:]
    transform = WaveletTransform(8)
    low, high = transform(torch.complex(real, imaginary))
    (low_r, high_r), (low_i, high_i) = transform(real), transform(imaginary)
    assert torch.allclose(low, low_r + 1j * low_i, atol=1e-6)
    assert torch.allclose(high, high_r + 1j * high_i, atol=1e-6)


@pytest.mark.parametrize("route", ["dense", "tiles", "convolution", "fft"])
def test_phase_collapse_puts_low_pass_first_then_moduli_by_channel(route):
    x = images(2, 3, 16, 16)
    low, high = WaveletTransform(16, route=route)(x)
    block = PhaseCollapse(16, route=route)
    assert torch.allclose(block(x), torch.cat([low, high.abs().flatten(1, 2)], dim=1), atol=1e-6)
    assert block.output_channels(3) == 15 == len(block.channel_sources(3))


def test_skip_puts_linear_channels_first_then_all_moduli():
    x = images(2, 3, 8, 8, dtype=torch.complex64)
    low, high = WaveletTransform(8)(x)
    linear = torch.cat([low, high.flatten(1, 2)], dim=1)
    block = SkipModulus(8)
    assert torch.allclose(block(x), torch.cat([linear, linear.abs().to(linear.dtype)], dim=1), atol=1e-6)
    assert block.output_channels(3) == 30 == len(block.channel_sources(3))


@pytest.mark.parametrize("kind", [PhaseCollapse, SkipModulus])
def test_output_channels_depend_on_their_source_alone(kind):
    block, x = kind(8), images(1, 3, 8, 8)
    base, sources = block(x), torch.tensor(block.channel_sources(3))
    for channel in range(3):
        moved = x.clone()
        moved[:, channel] += images(8, 8)
        changed = (block(moved) - base).abs().amax(dim=(0, 2, 3)) > 1e-3
        assert torch.equal(changed, sources == channel)


def test_gradients_of_the_collapse_are_exact():
    block = PhaseCollapse(6).double()
    x = images(2, 2, 6, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block, x)


def test_the_gradient_of_a_zero_modulus_is_zero():
    x = torch.zeros(1, 1, 8, 8, requires_grad=True)
    block = PhaseCollapse(8)
    block(x)[:, 1:].sum().backward()
    assert torch.equal(x.grad, torch.zeros_like(x))


@pytest.mark.parametrize("kind", [PhaseCollapse, SkipModulus])
def test_half_precision_autocast_leaves_the_transform_exact(kind):
    block, x = kind(8), images(2, 3, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = block(x)
    assert torch.equal(under, block(x))


def test_filters_follow_the_module_but_not_the_state_dict():
    block = PhaseCollapse(8)
    assert not block.state_dict()
    assert F.l1_loss(block.double()(images(1, 1, 8, 8).double()), block.float()(images(1, 1, 8, 8)).double()) < 1e-6


def test_wrong_sizes_and_routes_are_refused():
    with pytest.raises(ArchitectureError, match=r"images of \(16, 16\).*\(8, 8\)"):
        PhaseCollapse(8)(images(1, 1, 16, 16))
    with pytest.raises(ArchitectureError, match="complex images"):
        PhaseCollapse(8)(images(1, 1, 8, 8, dtype=torch.complex64))
    with pytest.raises(ArchitectureError, match="at least 3 samples"):
        WaveletTransform(2)
    with pytest.raises(ArchitectureError, match="route='direct'"):
        WaveletTransform(8, route="direct")
