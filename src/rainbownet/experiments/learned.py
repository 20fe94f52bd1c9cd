"""The learned layers of scattering networks, as the papers number them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
from torch import nn

from rainbownet.analysis import Aligned


def learned_layers(net: nn.Module, *, first: bool = False) -> list[str]:
    """Return the names of the 1×1 maps W_2, W_3, … (and W_1) of a scattering network.

    Example:
        >>> from rainbownet.nets import build
        >>> learned_layers(build("paper_scattering4", width=0.125))
        ['block2.linear', 'block3.linear', 'block4.linear']
    """
    names = [f"{name}.linear" for name, _ in net.named_children() if name.startswith("block")]
    return names if first else names[1:]


def blocks(net: nn.Module) -> list[str]:
    """Return the names of the 3×3 convolutions of a residual network, shortcuts left out.

    Example:
        >>> from rainbownet.nets import build
        >>> len(blocks(build("resnet18_bnpost", width=0.125)))
        16
    """
    return [
        name for name, module in net.named_modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
    ]


def number(layer: str) -> str:
    """Return the published name of a layer.

    Example:
        >>> number("block3.linear"), number("classifier.linear")
        ('j = 3', 'classifier')
    """
    block = layer.split(".")[0]
    return f"j = {block.removeprefix('block')}" if block.startswith("block") else block


def middle(aligned: Aligned | Iterable[str], count: int = 3) -> list[str]:
    """Return some layers spread over the depth, where papers show three (j = 2, 4, 6)."""
    names = list(aligned.layers) if isinstance(aligned, Aligned) else list(aligned)
    places = torch.linspace(0, len(names) - 1, min(count, len(names))).round().long().tolist()
    return [names[k] for k in places]


def falls(values: Iterable[float], *, slack: float = 0.0) -> bool:
    """Whether every value is below the one before, up to some slack.

    Example:
        >>> falls([3.0, 2.0, 1.0]), falls([3.0, 3.1, 1.0]), falls([3.0, 3.1, 1.0], slack=0.2)
        (True, False, True)
    """
    found = list(values)
    return all(b < a + slack for a, b in itertools.pairwise(found))


def span(values: Iterable[float], digits: int = 2) -> str:
    """Return the smallest and the largest value in words.

    Example:
        >>> span([0.5, 0.25])
        '0.25 to 0.50'
    """
    found = list(values)
    low, high = (f"{value:.{digits}f}" for value in (min(found), max(found)))
    return low if low == high else f"{low} to {high}"
