"""VGG networks: the ordinary VGG-11, the simplified one of the universality experiments, and its factorised variant.

Sizes: `f` filters, `k` side of a filter. Source: Simonyan & Zisserman, ICLR 2015; Guth & Ménard, ICLR Re-Align 2024.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded

# Output channels of the eight convolutions; 0 is a max-pool.
VGG11 = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)
SIMPLE = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512)


def _widths(layout: tuple[int, ...], width: float) -> list[int]:
    sizes = iter(scale_widths([size for size in layout if size], width))
    return [next(sizes) if size else 0 for size in layout]


def vgg11(
    *, width: float = 1.0, norm: str = "none", classes: int = 1000, hidden: int = 4096, grid: int = 7, seed: int = 0
) -> nn.Sequential:
    """Return an ordinary VGG-11: eight convolutions, two hidden linear layers with dropout and a classifier.

    Args:
        width: Factor on every layer, hidden linear ones included.
        norm: Affine batch norm `before` or `after` each ReLU, or `none`.
        classes: Outputs.
        hidden: Size of the hidden linear layers at width 1.
        grid: Side of the map that is flattened.
        seed: Draws the initial weights.

    Returns:
        `features`, `avgpool`, `flatten` and `classifier`; without norms the state dict has torchvision's names.

    Raises:
        ArchitectureError: If `norm` is unknown or `width` leaves a layer empty.

    Example:
        >>> sum(p.numel() for p in vgg11(width=0.125).parameters())
        2526360
    """
    if norm not in ("none", "before", "after"):
        raise ArchitectureError(f"norm={norm!r}: expected 'none', 'before' or 'after'")
    (units,) = scale_widths([hidden], width)
    features: list[nn.Module] = []
    channels = 3
    with seeded(seed):
        for size in _widths(VGG11, width):
            if not size:
                features.append(nn.MaxPool2d(2))
                continue
            conv = nn.Conv2d(channels, size, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            conv.bias = nn.Parameter(torch.zeros(size))
            features.append(conv)
            features += [nn.BatchNorm2d(size)] * (norm == "before") + [nn.ReLU()]
            features += [nn.BatchNorm2d(size)] * (norm == "after")
            channels = size
        classifier = nn.Sequential(
            nn.Linear(channels * grid**2, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, classes),
        )
    parts: list[tuple[str, nn.Module]] = [
        ("features", nn.Sequential(*features)),
        ("avgpool", nn.AdaptiveAvgPool2d(grid)),
        ("flatten", nn.Flatten()),
        ("classifier", classifier),
    ]
    return nn.Sequential(OrderedDict(parts))


def _simple_block(channels: int, outputs: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(OrderedDict(conv=conv, relu=nn.ReLU(), norm=nn.BatchNorm2d(outputs, affine=False)))


def _factorized_block(channels: int, outputs: int, filters: Tensor) -> nn.Sequential:
    count, kernel = len(filters), filters.shape[-1]
    wide = channels * count
    space = nn.Conv2d(channels, wide, kernel, padding=kernel // 2, groups=channels, bias=False)
    space.weight = nn.Parameter(filters.to(space.weight).repeat(channels, 1, 1)[:, None], requires_grad=False)
    mix = nn.Conv2d(wide, outputs, 1, bias=False)
    nn.init.kaiming_normal_(mix.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(OrderedDict(space=space, relu=nn.ReLU(), norm=nn.BatchNorm2d(wide, affine=False), mix=mix))


def _vgg11(block: Callable[[int, int], nn.Module], width: float, side: int, classes: int) -> nn.Sequential:
    blocks: list[nn.Module] = []
    channels = 3
    for outputs in _widths(SIMPLE, width):
        blocks.append(block(channels, outputs) if outputs else nn.MaxPool2d(2))
        channels = outputs or channels
    parts: OrderedDict[str, nn.Module] = OrderedDict(features=nn.Sequential(*blocks))
    parts["flatten"] = nn.Flatten()
    parts["classifier"] = nn.Linear(channels * (side // 16) ** 2, classes)
    return nn.Sequential(parts)


def simple_vgg11(
    *, width: float = 1.0, classes: int = 10, size: int = 32, kernel: int = 3, seed: int = 0
) -> nn.Sequential:
    """Return the simplified VGG-11: eight bias-free convolutions, norms after ReLU without parameters, a linear map.

    Args:
        width: Factor on every layer.
        classes: Outputs.
        size: Side of the images, a multiple of 16.
        kernel: Side of the filters, odd.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `size` or `kernel` is not as said, or `width` leaves a layer empty.

    Example:
        >>> net = simple_vgg11(width=0.125)
        >>> net(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 10])
    """
    _check(size, kernel)
    with seeded(seed):
        return _vgg11(partial(_simple_block, kernel=kernel), width, size, classes)


def factorized_vgg11(
    *,
    filters: Float[Tensor, "f k k"] | None = None,
    width: float = 1.0,
    classes: int = 10,
    size: int = 32,
    seed: int = 0,
) -> nn.Sequential:
    """Return the factorised VGG-11, whose spatial filters are given and frozen and whose channel mixing is learned.

    A block is: every channel filtered by f and −f → ReLU → norm without parameters → 1×1 convolution.

    Args:
        filters: Filters f; −f are added. By default the five lowest cosine filters of side 3, which resemble the
            leading eigenvectors of the spatial covariance of trained networks.
        width: Factor on every layer.
        classes: Outputs.
        size: Side of the images, a multiple of 16.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `size` or the side of the filters is not as said, or `width` leaves a layer empty.

    Example:
        >>> net = factorized_vgg11(width=0.125)
        >>> net.features[0].mix.weight.shape
        torch.Size([8, 30, 1, 1])
    """
    chosen = cosine_filters(5) if filters is None else filters
    _check(size, chosen.shape[-1])
    both = torch.cat([chosen, -chosen])
    with seeded(seed):
        return _vgg11(partial(_factorized_block, filters=both), width, size, classes)


def cosine_filters(count: int, *, kernel: int = 3) -> Float[Tensor, "f k k"]:
    """Return the lowest filters of the two-dimensional cosine basis, of unit norm, by increasing frequency.

    Args:
        count: Number of filters, at most kernel².
        kernel: Side of the filters.

    Example:
        >>> cosine_filters(2)[1]
        tensor([[ 0.4082,  0.4082,  0.4082],
                [ 0.0000,  0.0000,  0.0000],
                [-0.4082, -0.4082, -0.4082]])
    """
    if not 1 <= count <= kernel**2:
        raise ArchitectureError(f"count={count}: a basis of side {kernel} has 1 to {kernel**2} filters")
    at = torch.arange(kernel, dtype=torch.float64)
    waves = torch.cos(torch.pi * at[:, None] * (at[None, :] + 0.5) / kernel)
    waves = waves / waves.norm(dim=1, keepdim=True)
    pairs = ((i, j) for i in range(kernel) for j in range(kernel))
    order = sorted(pairs, key=lambda pair: (sum(pair), abs(pair[0] - pair[1]), -pair[0]))
    chosen = torch.stack([torch.outer(waves[i], waves[j]) for i, j in order[:count]])
    return torch.where(chosen.abs() < 1e-12, 0.0, chosen).float()


def _check(size: int, kernel: int) -> None:
    if size < 16 or size % 16:
        raise ArchitectureError(f"size={size}: expected a multiple of 16, for four max-pools")
    if kernel % 2 == 0:
        raise ArchitectureError(f"filters of side {kernel}: expected an odd side, so that maps keep their size")
