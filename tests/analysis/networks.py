"""Networks whose analyses are known beforehand: chains, rotated copies, batches of Gaussian images."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from rainbownet.aligned import polar_factor


def seeded(build, seed: int) -> nn.Module:
    """Build a module with weights from a seed, the global generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def chain(sizes: Sequence[int] = (8, 8, 8, 3), *, seed: int = 0, activation=nn.Identity) -> nn.Sequential:
    """Return linear layers of these sizes with an activation between."""

    def build() -> nn.Sequential:
        layers = []
        for d, e in pairwise(sizes):
            layers += [nn.Linear(d, e, bias=False), activation()]
        return nn.Sequential(*layers[:-1])

    return seeded(build, seed)


def weights(net: nn.Sequential) -> list[Tensor]:
    return [m.weight for m in net if isinstance(m, (nn.Linear, nn.Conv2d))]


def rotations(net: nn.Sequential, seed: int = 5) -> list[Tensor]:
    """Return a random rotation for the outputs of every layer but the last."""
    generator = torch.Generator().manual_seed(seed)
    return [
        polar_factor(torch.randn(len(w), len(w), generator=generator, dtype=torch.float64)) for w in weights(net)[:-1]
    ]


def rotated(net: nn.Sequential, copy: nn.Sequential, seed: int = 5) -> nn.Sequential:
    """Write the weights of a linear chain into a copy, each hidden layer in another basis."""
    source, target = weights(net), weights(copy)
    with torch.no_grad():
        for old, new in zip(source, target, strict=True):
            new.copy_(old)
        for k, q in enumerate(rotations(net, seed)):
            target[k].copy_(torch.einsum("ab,b...->a...", q.float(), target[k]))
            target[k + 1].copy_(torch.einsum("oi...,pi->op...", target[k + 1], q.float()))
    return copy


def batches(shape: Sequence[int] = (8,), n: int = 400, seed: int = 1) -> list[Tensor]:
    return list(torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed)).split(90))


def drawn(covariance_factor: Tensor, rows: int, *, seed: int) -> Tensor:
    """Return Gaussian rows of covariance FᵀF."""
    noise = torch.randn(rows, len(covariance_factor), generator=torch.Generator().manual_seed(seed))
    return noise @ covariance_factor.float()
