"""Networks for the tests of ensembles, importable by name from other processes."""

import os
import signal
from pathlib import Path

import torch
from torch import nn


def tiny(width: float | int = 1, *, seed: int = 0, norm: bool = False) -> nn.Module:
    hidden = int(16 * width)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        middle = nn.BatchNorm1d(hidden) if norm else nn.Identity()
        return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), middle, nn.ReLU(), nn.Linear(hidden, 10))


def unseeded() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def dying(mark: str, deaths: int, *, seed: int = 0) -> nn.Module:
    """Kill the process of seed 1, `deaths` times in all."""
    file = Path(mark)
    count = len(file.read_text()) if file.exists() else 0
    if seed == 1 and count < deaths:
        file.write_text("x" * (count + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return tiny(seed=seed)


class _Unlucky(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        raise ValueError("seed 1 is unlucky")


def failing(*, seed: int = 0) -> nn.Module:
    """Fail while training, for seed 1."""
    return _Unlucky(64, 10) if seed == 1 else tiny(seed=seed)
