"""Neurons that the tests of the laws are made on."""

import torch

from rainbownet.laws import Block

BLOCKS = [Block("conv.weight", (3, 2, 2)), Block("fc.weight", (4,)), Block("bn.weight", ()), Block("bn.bias", (1,))]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def neurons(n: int, *, seed: int = 0) -> torch.Tensor:
    """Correlated rows with a mean, for BLOCKS."""
    source = generator(seed)
    mixing = torch.randn(18, 18, dtype=torch.float64, generator=source)
    return torch.randn(n, 18, dtype=torch.float64, generator=source) @ mixing + torch.arange(18) / 6


def covariance(rows: torch.Tensor) -> torch.Tensor:
    return torch.cov(rows.T, correction=0)
