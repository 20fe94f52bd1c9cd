"""Stationary Gaussian images have the spectrum, the variance and the independence they are said to have."""

import pytest
import torch

from rainbownet.data import stationary_gaussian_images


def test_the_power_spectrum_is_the_one_asked_for():
    n, size = 20_000, 8
    images = stationary_gaussian_images(n, size, generator=torch.Generator().manual_seed(0))
    measured = torch.fft.fft2(images.double()).abs().square().mean((0, 1)) / size**2
    frequency = torch.fft.fftfreq(size, dtype=torch.float64)
    power = 1 / (0.05 + frequency[:, None] ** 2 + frequency[None, :] ** 2)
    expected = power / power.mean()
    # A power at one frequency has relative deviation at most sqrt(2 / n) = 1 %.
    torch.testing.assert_close(measured, expected, rtol=0.05, atol=0)


def test_covariance_depends_on_the_shift_alone_and_pixels_have_unit_variance():
    n = 20_000
    images = stationary_gaussian_images(n, 6, channels=2, generator=torch.Generator().manual_seed(1)).double()
    variance = images.square().mean(0)
    assert float((variance - 1).abs().max()) < 5 * (2 / n) ** 0.5
    products = (images * images.roll(1, -1)).mean(0)
    assert float(products.max() - products.min()) < 10 * (2 / n) ** 0.5
    assert float((images[:, 0] * images[:, 1]).mean(0).abs().max()) < 5 / n**0.5


def test_the_generator_decides_everything():
    a, b = (stationary_gaussian_images(2, 4, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)


def test_a_spectrum_without_floor_is_refused():
    with pytest.raises(ValueError, match="zero frequency"):
        stationary_gaussian_images(1, 4, floor=0.0, generator=torch.Generator())
