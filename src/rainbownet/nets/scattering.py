"""Learned scattering networks: fixed wavelets and a modulus, then a learned 1×1 matrix, block after block.

A block is `wavelets → standardization → 1×1 matrix [→ normalization]`. There is no bias, and no non-linearity but the
modulus. Variants:

- phase collapse: the modulus is taken of the band-pass outputs only; all data are real;
- skip: z and its modulus are both kept; data are complex, matrices real, or complex in the ImageNet network.

The last norm and linear map are the classifier. Source: Guth, Ménard, Rochette & Mallat, JMLR 2024, section 4.1 and
appendix; sizes and counts of the released code are in the tests.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets.collapse import PhaseCollapse, SkipModulus
from rainbownet.nets.layers import (
    ComplexStandardization,
    Conv1x1,
    DivisiveNormalization,
    RealChannels,
    RealOnComplex1x1,
)
from rainbownet.nets.seeding import seeded

CIFAR_SIZES = (64, 128, 256, 512, 512, 512, 512, 512)
IMAGENET_SIZES = (32, 64, 64, 128, 256, 512, 512, 512, 512, 512, 256)


def half_scales(blocks: int) -> list[str]:
    """Return the kinds of `blocks` half-scale blocks: a standard one first if they are odd in number, then pairs.

    Example:
        >>> half_scales(3)
        ['standard', 'half_a', 'half_b']
    """
    return ["standard"] * (blocks % 2) + ["half_a", "half_b"] * (blocks // 2)


def scale_widths(sizes: Sequence[int], width: float) -> list[int]:
    """Return the sizes of layers multiplied by a factor and rounded down.

    Raises:
        ArchitectureError: If a layer would have no channel left.
    """
    scaled = [int(size * width) for size in sizes]
    if min(scaled) < 1:
        raise ArchitectureError(f"width={width}: a layer of {min(sizes)} channels would have none; use a larger factor")
    return scaled


def _block(
    transform: PhaseCollapse | SkipModulus, channels: int, outputs: int, *, normalize: bool, complex_weights: bool
) -> nn.Sequential:
    inputs = transform.output_channels(channels)
    layers: OrderedDict[str, nn.Module] = OrderedDict(wavelets=transform)
    if isinstance(transform, SkipModulus):
        layers["standardize"] = ComplexStandardization(inputs)
        if complex_weights:
            linear = Conv1x1(inputs, outputs, dtype=torch.complex64)
            _unitary(linear.weight)
            layers["linear"] = linear
        else:
            layers["linear"] = RealOnComplex1x1(inputs, outputs)
    else:
        layers["standardize"] = nn.BatchNorm2d(inputs, affine=False)
        layers["linear"] = Conv1x1(inputs, outputs)
    if normalize:
        layers["normalize"] = DivisiveNormalization()
    return nn.Sequential(layers)


def _unitary(weight: torch.Tensor) -> None:
    """Fill a complex 1×1 weight with orthonormal rows (columns if there are more rows), uniformly drawn."""
    rows, columns = weight.shape[:2]
    gaussian = torch.randn(max(rows, columns), min(rows, columns), dtype=torch.complex128)
    factor, triangle = torch.linalg.qr(gaussian)
    factor = factor * torch.sgn(triangle.diagonal())
    with torch.no_grad():
        weight.copy_((factor if rows >= columns else factor.mH)[:, :, None, None])


def scattering(
    sizes: Sequence[int],
    scales: Sequence[str],
    *,
    skip: bool = False,
    normalize: bool = False,
    complex_weights: bool = False,
    classes: int = 10,
    classifier_affine: bool = False,
    in_channels: int = 3,
    size: int = 32,
    angles: int = 4,
    route: str = "auto",
    seed: int = 0,
) -> nn.Sequential:
    """Return a learned scattering network with blocks of any sizes and kinds.

    Args:
        sizes: Output channels of each block.
        scales: Kind of each block.
        skip: Keep z beside its modulus (complex data) instead of collapsing phases.
        normalize: Divide the output of each block by its norm over channels.
        complex_weights: Complex 1×1 matrices with orthonormal rows at first; needs `skip`.
        classes: Outputs.
        classifier_affine: Give the classifier's norm an affine map and its linear map a bias.
        in_channels: Channels of the images.
        size: Side of the images.
        angles: Orientations of the wavelets.
        route: How wavelets are computed.
        seed: Draws the initial weights.

    Returns:
        Blocks `block1`, `block2`, … with `wavelets`, `standardize`, `linear` and perhaps `normalize`; then `classifier`
        with `standardize`, `flatten` and `linear`.

    Raises:
        ArchitectureError: If lists differ in length, sides become too small, or complex weights are asked without skip.

    Example:
        >>> net = scattering([8, 16], ["standard", "standard"], size=8)
        >>> net(torch.zeros(1, 3, 8, 8)).shape, net.block2.linear.weight.shape
        (torch.Size([1, 10]), torch.Size([16, 40, 1, 1]))
    """
    if len(sizes) != len(scales) or not sizes:
        raise ArchitectureError(
            f"sizes has {len(sizes)} blocks and scales {len(scales)}: expected the same number, not 0"
        )
    if complex_weights and not skip:
        raise ArchitectureError("complex_weights=True needs skip=True: without it the data are real")
    transform_type = SkipModulus if skip else PhaseCollapse
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, side = in_channels, (size, size)
    with seeded(seed):
        for index, (outputs, scale) in enumerate(zip(sizes, scales, strict=True)):
            transform = transform_type(side, scale=scale, angles=angles, route=route, first=index == 0)
            layers[f"block{index + 1}"] = _block(
                transform, channels, outputs, normalize=normalize, complex_weights=complex_weights
            )
            channels, side = outputs, transform.output_size
        head: OrderedDict[str, nn.Module] = OrderedDict()
        if skip:
            head["real"] = RealChannels()
            channels *= 2
        head["standardize"] = nn.BatchNorm2d(channels, affine=classifier_affine)
        head["flatten"] = nn.Flatten()
        head["linear"] = nn.Linear(channels * side[0] * side[1], classes, bias=classifier_affine)
        layers["classifier"] = nn.Sequential(head)
    return nn.Sequential(layers)


def cifar_scattering(
    *,
    width: float = 1.0,
    skip: bool = False,
    normalize: bool = True,
    classes: int = 10,
    blocks: int = 8,
    size: int = 32,
    route: str = "auto",
    seed: int = 0,
) -> nn.Sequential:
    """Return the half-scale network of the CIFAR-10 experiments, "Scattering-7" when it has 8 blocks.

    Args:
        width: Factor on the size of every layer.
        skip: Keep z beside its modulus.
        normalize: Divide the output of each block by its norm over channels.
        classes: Outputs.
        blocks: Number of blocks, 1 to 8.
        size: Side of the images.
        route: How wavelets are computed.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `blocks` is out of range or `width` leaves a layer empty.

    Example:
        >>> net = cifar_scattering(width=0.125)
        >>> sum(p.numel() for p in net.parameters())
        98040
    """
    if not 1 <= blocks <= len(CIFAR_SIZES):
        raise ArchitectureError(f"blocks={blocks}: expected 1 to {len(CIFAR_SIZES)}")
    sizes = scale_widths(CIFAR_SIZES[:blocks], width)
    return scattering(
        sizes,
        half_scales(blocks),
        skip=skip,
        normalize=normalize,
        classes=classes,
        size=size,
        route=route,
        seed=seed,
    )


def paper_scattering4(
    *, width: float = 1.0, classes: int = 10, size: int = 32, route: str = "auto", seed: int = 0
) -> nn.Sequential:
    """Return the four-block network of the weight-convergence figure: phase collapse, one octave a block.

    Args:
        width: Factor on the first three layers; the last keeps 512 channels.
        classes: Outputs.
        size: Side of the images.
        route: How wavelets are computed.
        seed: Draws the initial weights.

    Example:
        >>> sum(p.numel() for p in paper_scattering4().parameters())
        881600
    """
    sizes = [*scale_widths(CIFAR_SIZES[:3], width), CIFAR_SIZES[3]]
    return scattering(sizes, ["standard"] * 4, classes=classes, size=size, route=route, seed=seed)


def imagenet_scattering(
    *, width: float = 1.0, classes: int = 1000, size: int = 224, route: str = "auto", seed: int = 0
) -> nn.Sequential:
    """Return the 11-block ImageNet network: skip, complex weights, affine classifier with bias.

    Args:
        width: Factor on the size of every layer.
        classes: Outputs.
        size: Side of the images.
        route: How wavelets are computed.
        seed: Draws the initial weights.

    Returns:
        Network of about 31.8 million stored real numbers at width 1.
    """
    return scattering(
        scale_widths(IMAGENET_SIZES, width),
        half_scales(len(IMAGENET_SIZES)),
        skip=True,
        complex_weights=True,
        classes=classes,
        classifier_affine=True,
        size=size,
        route=route,
        seed=seed,
    )
