"""The non-linear part of a scattering block: wavelets, modulus, and the order of the channels they give.

Sizes: `b` batch, `c` channels, `h w` input, `m n` output, `d` output channels, `l` orientations, `p` = 1 + 2l real
planes. Both modules return one tensor, and say through `channel_sources` which input channel each of its channels comes
from.
"""

from typing import Any

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from rainbownet.nets.wavelet import WaveletFilters


class _CollapsePlanes(torch.autograd.Function):
    """Low-pass planes beside moduli, channels last; the gradient of a zero modulus is zero."""

    @staticmethod
    def forward(ctx: Any, planes: Float[Tensor, "b p m n c"]) -> Float[Tensor, "b m n d"]:
        batch, count, height, width, channels = planes.shape
        angles = count // 2
        output = planes.new_empty(batch, height, width, channels * (1 + angles))
        output[..., :channels] = planes[:, 0]
        moduli = planes[:, 1 : 1 + angles].square()
        moduli.addcmul_(planes[:, 1 + angles :], planes[:, 1 + angles :]).sqrt_()
        output[..., channels:].unflatten(-1, (channels, angles)).copy_(moduli.movedim(1, -1))
        ctx.save_for_backward(planes, output)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Float[Tensor, "b m n d"]) -> Float[Tensor, "b p m n c"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = gradients
        planes, output = ctx.saved_tensors
        channels, angles = planes.shape[-1], planes.shape[1] // 2
        result = torch.empty_like(planes)
        result[:, 0] = gradient[..., :channels]
        # Squares below the smallest float vanish; with their root as a floor the result never exceeds the gradient.
        floor = torch.finfo(planes.dtype).tiny ** 0.5
        ratio = gradient[..., channels:] / output[..., channels:].clamp_min(floor)
        ratio = ratio.unflatten(-1, (channels, angles)).movedim(-1, 1)
        torch.mul(ratio, planes[:, 1 : 1 + angles], out=result[:, 1 : 1 + angles])
        torch.mul(ratio, planes[:, 1 + angles :], out=result[:, 1 + angles :])
        return result


class PhaseCollapse(WaveletFilters):
    """Low-pass outputs and moduli of the band-pass outputs of real images.

    Channels: the c low-pass outputs, then for each input channel the moduli of its l orientations (channel-major,
    orientation-minor). The complex modulus is the only non-linearity of a scattering network.

    Example:
        >>> block = PhaseCollapse(8)
        >>> block(torch.zeros(1, 2, 8, 8)).shape
        torch.Size([1, 10, 4, 4])
        >>> block.channel_sources(2)
        [0, 1, 0, 0, 0, 0, 1, 1, 1, 1]

    Source: Guth, Zarka & Mallat, "Phase Collapse in Neural Networks", ICLR 2022; Guth et al., JMLR 2024, section 4.1.
    """

    def forward(self, images: Tensor) -> Float[Tensor, "b d m n"]:
        """Return d = (1 + l)·c real channels of real images (b, c, h, w).

        Raises:
            ArchitectureError: If the images are complex, or not of the size the module was built for.
        """
        return _CollapsePlanes.apply(self.planes(images)).movedim(-1, 1)

    def output_channels(self, channels: int) -> int:
        """Return the number of output channels for `channels` input channels."""
        return (1 + self.angles) * channels

    def channel_sources(self, channels: int) -> list[int]:
        """Return, for each output channel, the index of the input channel it derives from."""
        return _sources(channels, self.angles)


class SkipModulus(WaveletFilters):
    """Wavelet outputs of real or complex images, and their moduli beside them: the skip connection.

    Channels: z = low-pass outputs, then band-pass outputs (channel-major, orientation-minor); after them the moduli of
    all of z. The output is complex.

    Example:
        >>> block = SkipModulus(8)
        >>> block(torch.zeros(1, 1, 8, 8)).shape
        torch.Size([1, 10, 4, 4])
        >>> block.channel_sources(1)
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    Source: Guth et al., JMLR 2024, section 4.1.
    """

    def forward(self, images: Tensor) -> Complex[Tensor, "b d m n"]:
        """Return d = 2·(1 + l)·c complex channels."""
        low, high = self.transform(images)
        linear = torch.cat([low.to(high.dtype), high.flatten(1, 2)], dim=1)
        return torch.cat([linear, linear.abs().to(high.dtype)], dim=1).contiguous()

    def output_channels(self, channels: int) -> int:
        """Return the number of output channels for `channels` input channels."""
        return 2 * (1 + self.angles) * channels

    def channel_sources(self, channels: int) -> list[int]:
        """Return, for each output channel, the index of the input channel it derives from."""
        return 2 * _sources(channels, self.angles)


def _sources(channels: int, angles: int) -> list[int]:
    """Return the input channel of each wavelet output: low-pass outputs, then the orientations of each channel."""
    return list(range(channels)) + [channel for channel in range(channels) for _ in range(angles)]
