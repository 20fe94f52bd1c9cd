"""One network of the benchmark of coverage: how it is made, and what it is fed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Entry:
    """A network.

    Attributes:
        group: Where it comes from.
        name: The family it stands for.
        variant: Which of the family.
        build: Makes it, weights drawn from the global generator.
        inputs: Makes a number of inputs.
        fit: Options of `rainbownet.fit`.
    """

    group: str
    name: str
    variant: str
    build: Callable[[], nn.Module]
    inputs: Callable[[int], Any]
    fit: Mapping[str, Any] = field(default_factory=dict)


def images(size: int, *, channels: int = 3, frames: int = 0) -> Callable[[int], Tensor]:
    """Return a maker of Gaussian images of one size, or of films of a number of frames."""
    shape = (channels, frames, size, size) if frames else (channels, size, size)
    return lambda n: torch.randn(n, *shape, generator=torch.Generator().manual_seed(1))
