"""Building a module from a seed with PyTorch's own initialisers, leaving the global generator as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make PyTorch's initialisers draw from `seed` inside a `with` block.

    Initialisers of `torch.nn` take no generator, so the CPU's is lent to them and its state put back. Modules are to be
    built on the CPU and moved afterwards.

    Args:
        seed: Any integer; the same seed gives the same parameters.

    Example:
        >>> with seeded(0):
        ...     first = torch.rand(1)
        >>> with seeded(0):
        ...     bool(torch.rand(1) == first)
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
