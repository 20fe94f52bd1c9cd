"""Distances of standardised activations, as published for residual networks (reference 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.aligned import polar_factor
from rainbownet.errors import ArchitectureError

EPS = 1e-5


@dataclass
class _Sums:
    """Sums over images and positions of what a layer reads in a network, and with what the reference reads."""

    count: int = 0
    own: Any = 0.0
    other: Any = 0.0
    cross: Any = 0.0
    own_second: Any = 0.0
    other_second: Any = 0.0

    def add(self, z: Float[Tensor, "n d"], reference: Float[Tensor, "n e"]) -> None:
        z, reference = z.double(), reference.double()
        self.count += len(z)
        self.own = self.own + z.sum(0)
        self.other = self.other + reference.sum(0)
        self.cross = self.cross + z.T @ reference
        self.own_second = self.own_second + z.T @ z
        self.other_second = self.other_second + reference.square().sum(0)

    def standardised(self, scales: Sequence[Tensor]) -> tuple[Tensor, Tensor, float]:
        """Return cross and own moments and the reference's energy, centred and divided by deviations."""
        mean, deviation, other_mean, other_deviation = scales
        n = self.count
        shift, other_shift = self.own / n - mean, self.other / n - other_mean
        cross = self.cross / n - torch.outer(self.own / n, self.other / n) + torch.outer(shift, other_shift)
        own = self.own_second / n - torch.outer(self.own / n, self.own / n) + torch.outer(shift, shift)
        energy = self.other_second / n - (self.other / n).square() + other_shift.square()
        cross, own = cross / torch.outer(deviation, other_deviation), own / torch.outer(deviation, deviation)
        return cross, own, (energy / other_deviation.square()).sum().item()

    def scales(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return means and deviations of both."""
        mean, other = self.own / self.count, self.other / self.count
        variance = (self.own_second.diagonal() / self.count - mean.square()).clamp(min=0)
        other_variance = (self.other_second / self.count - other.square()).clamp(min=0)
        return mean, (variance + EPS).sqrt(), other, (other_variance + EPS).sqrt()


def standardised_errors(
    nets: Sequence[nn.Module],
    widths: Sequence[float],
    loader: Iterable[Any],
    test: Iterable[Any],
    layers: Sequence[str],
) -> pd.DataFrame:
    r"""Return twice one minus the cosine between standardised activations, aligned to those of the last network.

    Every channel has its mean taken off and is divided by its deviation on `loader`; the rotation is the polar factor
    of the correlations there; the cosine :math:`E\langle A z, z'\rangle / \sqrt{E\|A z\|^2 E\|z'\|^2}` is on `test`.

    Args:
        nets: Networks of one structure; the last one is the reference.
        widths: Width of each.
        loader: Yields (inputs, targets) to align on.
        test: Yields (inputs, targets) to measure on.
        layers: Names of layers, of which inputs are compared.

    Returns:
        A row per layer and network but the reference: `layer`, `width`, `cosine_error`; 0 is equal up to a rotation, 2
        unrelated.

    Raises:
        ArchitectureError: If a network does not have a layer.
    """
    fitted, held = (_sums(nets, batches, layers) for batches in (loader, test))
    rows = []
    for layer in layers:
        for k, width in enumerate(widths[:-1]):
            scales = fitted[layer][k].scales()
            correlations, _, _ = fitted[layer][k].standardised(scales)
            rotation = polar_factor(correlations)
            cross, own, energy = held[layer][k].standardised(scales)
            shared = (rotation * cross).sum().item()
            mapped = ((own @ rotation) * rotation).sum().item()
            rows.append(
                {"layer": layer, "width": float(width), "cosine_error": 2 * (1 - shared / (mapped * energy) ** 0.5)}
            )
    return pd.DataFrame(rows)


@torch.no_grad()
def _sums(nets: Sequence[nn.Module], batches: Iterable[Any], layers: Sequence[str]) -> dict[str, list[_Sums]]:
    found = {layer: [_Sums() for _ in nets[:-1]] for layer in layers}
    read: list[dict[str, Tensor]] = [{} for _ in nets]
    hooks = []
    for net, seen in zip(nets, read, strict=True):
        modules = dict(net.named_modules())
        for layer in layers:
            if layer not in modules:
                raise ArchitectureError(f"layers: {layer!r} is no module of the network; it has {list(modules)[1:]}")

            def keep(_: nn.Module, args: tuple[Tensor, ...], seen: Any = seen, layer: str = layer) -> None:
                seen[layer] = args[0].movedim(1, -1).flatten(0, -2)

            hooks.append(modules[layer].register_forward_pre_hook(keep))
    modes = [net.training for net in nets]
    try:
        for net in nets:
            net.eval()
        for inputs, *_ in batches:
            for net in nets:
                net(inputs)
            for layer in layers:
                for k, sums in enumerate(found[layer]):
                    sums.add(read[k][layer], read[-1][layer])
    finally:
        for hook in hooks:
            hook.remove()
        for net, mode in zip(nets, modes, strict=True):
            net.train(mode)
    return found
