"""The fixed wavelet transform of a learned scattering block, by matrix products, by small convolutions or by FFT.

Sizes: `b` batch, `c` channels, `h w` input, `m n` output, `l` orientations, `p` = 1 + 2l real planes (low-pass,
real parts of the band-pass outputs, imaginary parts).

The routes compute the same linear map: pad by reflection, filter circularly, sub-sample, crop. `dense` is one product
with the (p·m·n, h·w) matrix of that map, `tiles` one product with a smaller matrix for each tile of the image,
`convolution` correlates with truncated kernels, `fft` multiplies in Fourier. Phase collapse on two cores of an AVX-512
processor, milliseconds forward (forward and backward), by `benchmarks/scattering.py`:

=======================  ==========  =========  ===========  ===========
batch × channels × side  dense       tiles      convolution  fft
=======================  ==========  =========  ===========  ===========
128 × 16 × 32, half_b    136 (364)   46 (158)   48 (602)     422 (728)
128 × 64 × 32, half_b    377 (1034)  316 (810)  297 (2969)   1709 (3296)
128 × 256 × 4, standard  3 (7)                               338 (624)
128 × 64 × 16, standard  25 (61)     36 (98)    38 (770)     468 (815)
128 × 128 × 8, standard  20 (17)                             406 (739)
16 × 64 × 64, standard               74 (195)   97 (756)     801 (1485)
=======================  ==========  =========  ===========  ===========

Hence `route="auto"`: dense up to side 16, tiles beyond. `first=True` says that no gradient flows to the input, where
convolution wins from side 17 on.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets.filters import band, filter_bank, kernels, padded_size
from rainbownet.nets.tiles import filter_tiles, tile_index, tile_matrix

ROUTES = ("dense", "tiles", "convolution", "fft")


def reflect(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c ph pw"]:
    """Return images padded by reflection to the grid of the filters.

    Example:
        >>> reflect(torch.zeros(1, 1, 32, 7)).shape
        torch.Size([1, 1, 36, 10])
    """
    extra = [padded_size(side) - side for side in images.shape[-2:]]
    left, top = extra[1] // 2, extra[0] // 2
    return F.pad(images, (left, extra[1] - left, top, extra[0] - top), mode="reflect")


def pad(images: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c ph pw"]:
    """Return images on which a correlation with kernels of that side gives the circular filtering, cropped.

    What the crop keeps reaches over the edge of the reflected image by the kernels' radius less 2.
    """
    return F.pad(reflect(images), (side // 2 - 2,) * 4, mode="circular")


def transform_fft(
    images: Float[Tensor, "b c h w"], response: Float[Tensor, "f ph pw"], *, step: int
) -> Complex[Tensor, "b c f m n"]:
    """Return images filtered in Fourier: the definition that the other routes are built from and tested against.

    Args:
        images: Real images.
        response: Fourier responses of the filters on the padded grid.
        step: Sub-sampling, 1 or 2, done by folding the spectrum.

    Returns:
        Filtered images. The crop takes one sample from each side after sub-sampling and two without, so an odd side
        that is not sub-sampled loses a sample (7 → 6), as in the published networks.
    """
    spectrum = torch.fft.fft2(reflect(images))[:, :, None] * response
    if step == 2:
        rows, columns = response.shape[-2:]
        spectrum = spectrum.unflatten(-1, (2, columns // 2)).unflatten(-3, (2, rows // 2)).mean(dim=(-4, -2))
    crop = 2 // step
    return torch.fft.ifft2(spectrum)[..., crop:-crop, crop:-crop]


class WaveletFilters(nn.Module):
    """The filters of a block, and their application: the base of modules that differ in what they make of the outputs.

    The filters are buffers that are rebuilt with the module and so kept out of its state dict. Products run in float32
    (or float64) under autocast too.

    Args:
        size: Height and width of the images, or one number for both.
        scale: Kind of block: `standard`, or `half_a` then `half_b` for half an octave each.
        angles: Number of orientations.
        route: How it is computed; `auto` chooses by size (see the top of this file).
        first: Whether the input is the image, through which no gradient flows: this only guides `auto`.

    Raises:
        ArchitectureError: If an argument is unknown, or a side has fewer than 3 samples and cannot be reflected.
    """

    filters: Tensor
    tiles: Tensor

    def __init__(
        self,
        size: int | tuple[int, int],
        *,
        scale: str = "standard",
        angles: int = 4,
        route: str = "auto",
        first: bool = False,
    ) -> None:
        super().__init__()
        self.size = (size, size) if isinstance(size, int) else size
        if min(self.size) < 3:
            raise ArchitectureError(
                f"size={self.size}: a wavelet block needs sides of at least 3 samples to reflect them"
            )
        if route not in ("auto", *ROUTES):
            raise ArchitectureError(f"route={route!r}: expected 'auto' or one of {', '.join(map(repr, ROUTES))}")
        if route == "auto":
            route = "dense" if self.size[0] * self.size[1] <= 16**2 else "convolution" if first else "tiles"
        self.scale: str = scale
        self.angles = angles
        self.route: str = route
        self.step = band(scale, angles=angles).step
        self.register_buffer("filters", self._filters().float(), persistent=False)
        self.register_buffer("tiles", self._tiles(), persistent=False)

    def _kernels(self) -> Tensor:
        # A longer axis has the same kernels: the filters have decayed long before they wrap around.
        rows, columns = (min(padded_size(side), 40) for side in self.size)
        return kernels(rows, columns, scale=self.scale, angles=self.angles)

    def _tiles(self) -> Tensor:
        if self.route != "tiles":
            return torch.empty(0, 0, 0, dtype=torch.long)
        pixels = torch.arange(self.size[0] * self.size[1], dtype=torch.float64).view(1, 1, *self.size)
        side = self._kernels().shape[-1]
        return tile_index(pad(pixels, side)[0, 0].long(), side=side, step=self.step)

    def _filters(self) -> Tensor:
        if self.route == "convolution":
            return self._kernels()[:, None]
        if self.route == "tiles":
            return tile_matrix(self._kernels(), step=self.step)
        rows, columns = (padded_size(side) for side in self.size)
        low, high = filter_bank(rows, columns, scale=self.scale, angles=self.angles)
        response = torch.cat([low[None], high])
        if self.route == "fft":
            return response
        height, width = self.size
        impulses = torch.eye(height * width, dtype=torch.float64).view(-1, 1, height, width)
        outputs = transform_fft(impulses, response, step=self.step)[:, 0]
        return torch.cat([outputs.real, outputs[:, 1:].imag], dim=1).flatten(1).mT.contiguous()

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the outputs."""
        height, width = (padded_size(side) // self.step - 4 // self.step for side in self.size)
        return height, width

    def planes(self, images: Tensor) -> Float[Tensor, "b p m n c"]:
        """Return the outputs of real images (b, c, h, w) as real planes: low-pass, real parts, imaginary parts.

        Channels come last, in memory too: norms and 1×1 convolutions that follow are much faster so on a CPU.

        Raises:
            ArchitectureError: If the images are complex, or not of the size the transform was built for.
        """
        if images.is_complex():
            raise ArchitectureError(
                "complex images given to a transform of real ones: use WaveletTransform or SkipModulus"
            )
        if images.shape[-2:] != self.size:
            raise ArchitectureError(
                f"images of {tuple(images.shape[-2:])} given to a wavelet transform built for {self.size}: "
                "build the network for this size"
            )
        batch, channels = images.shape[:2]
        with torch.autocast(images.device.type, enabled=False):
            images = images.to(self.filters.dtype)
            if self.route == "dense":
                pixels = images.movedim(1, -1).reshape(batch, -1, channels)
                return (self.filters @ pixels).view(batch, -1, *self.output_size, channels)
            if self.route == "tiles":
                return filter_tiles(images, self.filters, self.tiles, size=self.output_size)
            if self.route == "fft":
                outputs = transform_fft(images, self.filters, step=self.step)
                outputs = torch.cat([outputs.real, outputs[:, :, 1:].imag], dim=2)
            else:
                padded = pad(images, self.filters.shape[-1]).flatten(0, 1)[:, None]
                outputs = F.conv2d(padded, self.filters, stride=self.step).unflatten(0, (batch, channels))
            return outputs.movedim(1, -1).contiguous()

    def transform(self, images: Tensor) -> tuple[Tensor, Complex[Tensor, "b c l m n"]]:
        """Return the low-pass output, real or complex like the input, and the complex band-pass outputs."""
        if not images.is_complex():
            low, real, imaginary = self._split(self.planes(images))
            return low, torch.complex(real, imaginary)
        low, real, imaginary = self._split(self.planes(torch.cat([images.real, images.imag])))
        (low_r, low_i), (rr, ri), (ir, ii) = low.chunk(2), real.chunk(2), imaginary.chunk(2)
        return torch.complex(low_r, low_i), torch.complex(rr - ii, ir + ri)

    def _split(self, planes: Float[Tensor, "b p m n c"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the low-pass plane (b, c, m, n) and the real and imaginary parts (b, c, l, m, n) of the others."""
        planes = planes.movedim(-1, 1)
        return planes[:, :, 0], planes[:, :, 1 : 1 + self.angles], planes[:, :, 1 + self.angles :]

    def extra_repr(self) -> str:
        """Return size, scale, angles and route for printing."""
        return f"size={self.size}, scale={self.scale!r}, angles={self.angles}, route={self.route!r}"


class WaveletTransform(WaveletFilters):
    """Low-pass and band-pass outputs of every channel of real or complex images.

    Arguments are those of `WaveletFilters`.

    Example:
        >>> low, high = WaveletTransform(32)(torch.zeros(2, 3, 32, 32))
        >>> low.shape, high.shape, high.dtype
        (torch.Size([2, 3, 16, 16]), torch.Size([2, 3, 4, 16, 16]), torch.complex64)

    Source: Guth et al., JMLR 2024, section 4.1.
    """

    def forward(self, images: Tensor) -> tuple[Tensor, Complex[Tensor, "b c l m n"]]:
        """Return the low-pass output, real or complex like the input, and the complex band-pass outputs."""
        return self.transform(images)
