"""Filters: published check values, zero means, and kernels against Fourier responses."""

import math

import pytest
import torch

from rainbownet.errors import ArchitectureError
from rainbownet.nets.filters import band, filter_bank, gabor, kernels, morlet, orientations

SCALES = ["standard", "half_a", "half_b"]


def littlewood_paley(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Sum of squared responses, each band-pass filter averaged with its mirror."""
    rows, columns = low.shape
    mirror = high[:, (-torch.arange(rows)) % rows][:, :, (-torch.arange(columns)) % columns]
    return low**2 + (high**2 + mirror**2).sum(0) / 2


@pytest.mark.parametrize(
    ("scale", "peaks", "low_at_0", "low_min"),
    [
        ("standard", {}, "1.00004", None),
        ("half_a", {(0, 10, 10): "0.9716", (1, 14, 0): "0.9699"}, "1.00727", "0.170"),
        ("half_b", {(0, 9, 9): "0.9913", (1, 13, 0): "0.9910"}, "1.00727", "0.170"),
    ],
)
def test_responses_have_the_published_values(scale, peaks, low_at_0, low_min):
    low, high = filter_bank(36, 36, scale=scale)
    assert f"{low[0, 0]:.5f}" == low_at_0
    if low_min:
        assert f"{low.min():.3f}" == low_min
    for (index, row, column), value in peaks.items():
        assert high[index].argmax() == row * 36 + column
        assert f"{high[index, row, column]:.4f}" == value


@pytest.mark.parametrize(
    ("scale", "bounds"),
    [("standard", ("0.132", "1.000")), ("half_a", ("0.161", "1.015")), ("half_b", ("0.047", "1.015"))],
)
def test_littlewood_paley_sums_have_the_published_bounds(scale, bounds):
    total = littlewood_paley(*filter_bank(36, 36, scale=scale))
    assert (f"{total.min():.3f}", f"{total.max():.3f}") == bounds


def test_orientations_are_those_of_the_published_networks():
    assert orientations(4) == (math.pi / 4, 0.0, -math.pi / 4, -math.pi / 2)


def test_slant_follows_the_number_of_angles():
    assert band("standard", angles=8).slant == 0.5
    assert band("half_b", angles=8).slant == pytest.approx(math.sqrt(3 * 0.25 / 3.75))
    assert band("half_b").slant == 1.0


@pytest.mark.parametrize("scale", SCALES)
def test_band_pass_filters_have_zero_mean(scale):
    _, high = filter_bank(20, 12, scale=scale)
    assert high[:, 0, 0].abs().max() < 1e-14


def test_a_gabor_matches_its_formula_where_periods_do_not_overlap():
    sigma, angle, frequency, slant = 0.8, 0.7, 2.0, 1.5
    values = gabor(64, 64, sigma=sigma, angle=angle, frequency=frequency, slant=slant)
    row, column = 2, -1
    along = row * math.cos(angle) + column * math.sin(angle)
    across = -row * math.sin(angle) + column * math.cos(angle)
    size = math.exp(-(along**2 + slant**2 * across**2) / (2 * sigma**2)) / (2 * 3.1415 * sigma**2 / slant)
    expected = size * complex(math.cos(frequency * along), math.sin(frequency * along))
    assert abs(values[row, column].item() - expected) < 1e-15


def test_filters_are_hermitian_so_their_responses_are_real():
    response = torch.fft.fft2(morlet(10, 12, sigma=0.98, angle=math.pi / 4, frequency=2.2))
    assert response.imag.abs().max() < 1e-14


@pytest.mark.parametrize("scale", SCALES)
def test_kernels_are_the_filters_up_to_the_tolerance(scale):
    small = kernels(36, 36, scale=scale)
    radius = small.shape[-1] // 2
    grid = torch.zeros(9, 36, 36, dtype=torch.float64)
    grid[:, : 2 * radius + 1, : 2 * radius + 1] = small.flip(1, 2)
    low, high = filter_bank(36, 36, scale=scale)
    space = torch.fft.ifft2(torch.cat([low[None], high]))
    full = torch.cat([space.real, space.imag[1:]])
    assert (grid.roll((-radius, -radius), (1, 2)) - full).abs().sum(dim=(1, 2)).max() < 1e-6


def test_unknown_kinds_and_impossible_sizes_are_refused():
    with pytest.raises(ArchitectureError, match="scale='octave'"):
        band("octave")
    with pytest.raises(ArchitectureError, match="at least 3"):
        band("half_b", angles=2)
    with pytest.raises(ArchitectureError, match="grid of 6 × 6"):
        kernels(6, 6)
