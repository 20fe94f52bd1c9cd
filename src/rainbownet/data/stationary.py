"""Stationary Gaussian images with the power spectrum of natural ones: a data set without structure beyond it."""

import torch
from jaxtyping import Float
from torch import Tensor


def stationary_gaussian_images(
    n: int,
    size: int,
    *,
    channels: int = 1,
    exponent: float = 2.0,
    floor: float = 0.05,
    generator: torch.Generator,
) -> Float[Tensor, "n c size size"]:
    r"""Draw Gaussian images whose law does not change under (periodic) translation.

    The power spectrum is proportional to :math:`1 / (c + |\omega|^\alpha)`, with :math:`\omega` in cycles per pixel and
    each pixel of unit variance. The mean over an image is part of the spectrum and is random as well.

    Args:
        n: Number of images.
        size: Height and width.
        channels: Independent channels per image.
        exponent: Decay :math:`\alpha` of the spectrum; 2 for natural images.
        floor: The constant :math:`c`, which keeps low frequencies finite.
        generator: Source of randomness.

    Returns:
        Images in float32 on the generator's device.

    Raises:
        ValueError: If `floor` is not positive.

    Example:
        >>> images = stationary_gaussian_images(500, 16, generator=torch.Generator().manual_seed(0))
        >>> round(float(images.var()), 1)
        1.0

    Source: `gaussian_dataloader` of the code published with Guth et al. (JMLR 2024), with c = 0.05 and α = 2.
    """
    if floor <= 0:
        raise ValueError(f"floor is {floor}; it must be positive, or the zero frequency has infinite power")
    device = generator.device
    frequency = torch.fft.fftfreq(size, dtype=torch.float64, device=device)
    radius = torch.hypot(frequency[:, None], frequency[None, :])
    power = 1.0 / (floor + radius**exponent)
    amplitude = (power / power.mean()).sqrt().to(torch.float32)
    noise = torch.randn((n, channels, size, size), generator=generator, device=device)
    return torch.fft.ifft2(torch.fft.fft2(noise) * amplitude).real
