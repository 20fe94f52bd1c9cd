"""Morlet filters of learned scattering networks: their Fourier response on a padded grid, and small kernels.

Sizes: `h w` the padded grid, `l` orientations, `k` real kernels of side `s`. Everything is computed in
float64. The formulas, including the truncated value of π in the normalisation and the periodisation over two images on
each side, are those of the published networks (Guth et al., JMLR 2024), which follow Kymatio.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rainbownet.errors import ArchitectureError

# The published filters were normalised with this value; check values depend on its fifth digit.
PI = 3.1415


@dataclass(frozen=True)
class Band:
    """Widths and frequency of the filters of one kind of block.

    Attributes:
        sigma: Width of the band-pass envelope, in samples.
        frequency: Length of the wave vector of the band-pass filters, in radians a sample.
        slant: Ratio of the two axes of the band-pass envelope; 1 is isotropic.
        low_sigma: Width of the low-pass Gaussian, in samples.
        step: Sub-sampling of the output.
    """

    sigma: float
    frequency: float
    slant: float
    low_sigma: float
    step: int


def band(scale: str = "standard", *, angles: int = 4) -> Band:
    """Return the parameters of a block's filters.

    A standard block goes down one octave. Half-scale blocks go down one octave in two: `half_a` without, `half_b` with
    sub-sampling. The envelope is stretched by 4 / `angles`, and in `half_b` so that the pair keeps that shape.

    Args:
        scale: Kind of block.
        angles: Number of orientations over half a turn.

    Raises:
        ArchitectureError: If the kind is unknown, or `angles` gives no real envelope (`half_b` needs at least 3).

    Example:
        >>> band("half_b").slant, round(band("half_b").sigma, 4)
        (1.0, 0.9798)

    Source: Guth et al., JMLR 2024, released code; reference values in the tests.
    """
    if scale not in ("standard", "half_a", "half_b"):
        raise ArchitectureError(f"scale={scale!r}: expected 'standard', 'half_a' or 'half_b'")
    if angles < 1 or (scale == "half_b" and angles < 3):
        raise ArchitectureError(f"angles={angles}: scale {scale!r} needs at least {3 if scale == 'half_b' else 1}")
    slant = 4.0 / angles
    if scale == "half_b":
        wide = math.sqrt(3 * slant**2 / (4 - slant**2))
        return Band(0.8 * math.sqrt(1.5), math.pi / math.sqrt(2), wide, 0.8 / math.sqrt(2), 2)
    if scale == "half_a":
        return Band(0.8, 0.75 * math.pi, slant, 0.8 / math.sqrt(2), 1)
    return Band(0.8, 0.75 * math.pi, slant, 0.8, 2)


def orientations(angles: int) -> tuple[float, ...]:
    """Return the angles of the wave vectors, in the order of the channels.

    Example:
        >>> [round(4 * angle / math.pi) for angle in orientations(4)]
        [1, 0, -1, -2]
    """
    return tuple((angles // 2 - 1 - index) * math.pi / angles for index in range(angles))


def padded_size(size: int) -> int:
    """Return the length of an axis after padding: even, and at least two samples longer.

    Example:
        >>> padded_size(32), padded_size(7)
        (36, 10)
    """
    return 2 * ((size + 2) // 2 + 1)


def gabor(
    height: int, width: int, *, sigma: float, angle: float, frequency: float, slant: float = 1.0
) -> Complex[Tensor, "h w"]:
    r"""Return a Gabor filter periodised on a grid.

    :math:`g(u) = \exp(-u^\top M u + i \xi u_\theta) / (2 \pi \sigma^2 / s)` with
    :math:`M = R_\theta \mathrm{diag}(1, s^2) R_\theta^\top / (2 \sigma^2)`, summed over five periods along each axis.
    The first axis is the rows.

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        sigma: Width of the envelope.
        angle: Direction θ of the wave vector.
        frequency: Its length ξ, in radians a sample; 0 gives a Gaussian.
        slant: Ratio s of the axes of the envelope.

    Returns:
        Filter whose origin is element (0, 0), complex128.

    Example:
        >>> round(gabor(36, 36, sigma=0.8, angle=0.0, frequency=0.0).sum().real.item(), 5)
        1.00004
    """
    rows = torch.arange(-2 * height, 3 * height, dtype=torch.float64)[:, None]
    columns = torch.arange(-2 * width, 3 * width, dtype=torch.float64)[None, :]
    along = rows * math.cos(angle) + columns * math.sin(angle)
    across = columns * math.cos(angle) - rows * math.sin(angle)
    envelope = torch.exp(-(along**2 + slant**2 * across**2) / (2 * sigma**2)) / (2 * PI * sigma**2 / slant)
    wave = torch.polar(envelope, frequency * along)
    return wave.reshape(5, height, 5, width).sum(dim=(0, 2))


def morlet(
    height: int, width: int, *, sigma: float, angle: float, frequency: float, slant: float = 1.0
) -> Complex[Tensor, "h w"]:
    r"""Return a Morlet filter, a Gabor filter made to have zero mean: :math:`g_\xi - K g_0`.

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        sigma: Width of the envelope.
        angle: Direction of the wave vector.
        frequency: Its length, in radians a sample.
        slant: Ratio of the axes of the envelope.

    Example:
        >>> abs(morlet(36, 36, sigma=0.8, angle=0.0, frequency=2.0).sum().item()) < 1e-15
        True
    """
    wave = gabor(height, width, sigma=sigma, angle=angle, frequency=frequency, slant=slant)
    blur = gabor(height, width, sigma=sigma, angle=angle, frequency=0.0, slant=slant)
    return wave - wave.sum() / blur.sum() * blur


def filter_bank(
    height: int, width: int, *, scale: str = "standard", angles: int = 4
) -> tuple[Float[Tensor, "h w"], Float[Tensor, "l h w"]]:
    """Return the Fourier responses of the low-pass filter and of the band-pass filters.

    The responses are real because every filter is Hermitian; rounding leaves an imaginary part that is dropped.

    Args:
        height: Rows of the padded grid.
        width: Columns of the padded grid.
        scale: Kind of block.
        angles: Number of orientations.

    Returns:
        Low-pass response and band-pass responses, float64, frequency 0 first.

    Raises:
        ArchitectureError: If `scale` or `angles` is not one that `band` accepts.

    Example:
        >>> low, high = filter_bank(36, 36, scale="half_a")
        >>> round(low.max().item(), 5), round(high[1, 14, 0].item(), 4)
        (1.00727, 0.9699)
    """
    of = band(scale, angles=angles)
    low = gabor(height, width, sigma=of.low_sigma, angle=0.0, frequency=0.0)
    high = [
        morlet(height, width, sigma=of.sigma, angle=angle, frequency=of.frequency, slant=of.slant)
        for angle in orientations(angles)
    ]
    return torch.fft.fft2(low).real, torch.fft.fft2(torch.stack(high)).real


def kernels(
    height: int, width: int, *, scale: str = "standard", angles: int = 4, tolerance: float = 1e-6
) -> Float[Tensor, "k s s"]:
    """Return the filters as small spatial kernels, for cross-correlation.

    The support is the smallest odd square outside which every filter of the grid sums, in absolute value, to less than
    `tolerance`: a convolution with the truncated kernel differs from the full one by at most that times the largest
    input. For four angles it is 9 × 9, and 11 × 11 for `half_b`.

    Args:
        height: Rows of the padded grid.
        width: Columns of the padded grid.
        scale: Kind of block.
        angles: Number of orientations, l.
        tolerance: Largest error allowed, relative to the largest input.

    Returns:
        k = 1 + 2l kernels: low-pass, real parts of the band-pass filters, imaginary parts. float64.

    Raises:
        ArchitectureError: If the grid is too small to hold such a support.

    Example:
        >>> kernels(36, 36).shape, kernels(36, 36, scale="half_b").shape
        (torch.Size([9, 9, 9]), torch.Size([9, 11, 11]))
    """
    low, high = filter_bank(height, width, scale=scale, angles=angles)
    space = torch.fft.ifft2(torch.cat([low[None], high]))
    parts = torch.cat([space.real, space.imag[1:]])
    total = parts.abs().sum(dim=(1, 2))
    for radius in range(2, (min(height, width) - 1) // 2 + 1):
        side = 2 * radius + 1
        square = parts.roll((radius, radius), dims=(1, 2))[:, :side, :side]
        if (total - square.abs().sum(dim=(1, 2))).max() < tolerance:
            return square.flip(1, 2)
    raise ArchitectureError(
        f"grid of {height} × {width}: no square inside it holds the {scale!r} filters of {angles} angles to "
        f"{tolerance}; use the 'dense' or the 'fft' route"
    )
