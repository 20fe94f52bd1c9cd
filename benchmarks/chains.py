"""Plain chains of layers, and the layer-by-layer sampler of rainbow networks that the library is compared with."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rainbownet.data import stationary_gaussian_images


@dataclass(frozen=True)
class Chain:
    """A plain network: `depth` layers with ReLU, then a linear map to 10 classes."""

    kind: str
    depth: int
    width: int
    images: int
    size: int = 8

    def network(self) -> nn.Sequential:
        """Return the chain with its initial weights."""
        generator = torch.Generator().manual_seed(0)
        layers: list[nn.Module] = []
        for j in range(self.depth):
            if self.kind == "conv":
                layer = nn.Conv2d(self.width if j else 3, self.width, 3, padding=1, bias=False)
            else:
                layer = nn.Linear(self.width if j else 3 * self.size**2, self.width, bias=False)
            nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.weight[0].numel()), generator=generator)
            layers += [layer, nn.ReLU()]
        pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if self.kind == "conv" else []
        first = [] if self.kind == "conv" else [nn.Flatten()]
        return nn.Sequential(*first, *layers, *pool, nn.Linear(self.width, 10, bias=False)).eval()

    def data(self) -> list[Tensor]:
        """Return the alignment images in batches."""
        generator = torch.Generator().manual_seed(1)
        images = stationary_gaussian_images(self.images, self.size, channels=3, generator=generator)
        return list(images.split(256))

    def multiply_adds(self) -> tuple[int, int]:
        """Return those of the forwards of both networks and those of the cross moments, over all images."""
        positions = self.size**2 if self.kind == "conv" else 1
        fan = 9 * self.width if self.kind == "conv" else self.width
        first = 27 if self.kind == "conv" else 3 * self.size**2
        forward = self.images * (positions * self.width * (first + (self.depth - 1) * fan) + 10 * self.width)
        moments = self.images * self.width**2 * (positions * (self.depth - 1) + 1)
        return 2 * forward, moments


def weighted(net: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Return the layers of a chain that have weights, by name."""
    return {name: module for name, module in net.named_children() if isinstance(module, nn.Conv2d | nn.Linear)}


@torch.no_grad()
def layer_by_layer(
    net: nn.Sequential, batches: list[Tensor], *, seed: int, rows: dict[str, Tensor] | None = None, cut: float = 0.0
) -> nn.Module:
    """Sample a network with one pass of both networks over the data per layer.

    Args:
        net: The trained network.
        batches: Alignment images.
        seed: Seed of the draws.
        rows: Drawn neurons by layer, instead of drawing them.
        cut: Singular values below this times the largest have no direction. The tutorial keeps all, which completes the
            rotation at random where channels are dead.

    Returns:
        The sampled network.
    """
    generator = torch.Generator().manual_seed(seed)
    new = copy.deepcopy(net)
    layers, new_layers = weighted(net), weighted(new)
    head = list(layers)[-1]
    for j, (name, layer) in enumerate(layers.items()):
        weight = layer.weight
        drawn = weight.clone()
        if name != head:
            _, s, vh = torch.linalg.svd(weight.flatten(1), full_matrices=False)
            white = torch.randn(len(weight), len(s), generator=generator, dtype=s.dtype)
            drawn = white @ (s[:, None] * vh) / math.sqrt(len(weight)) if rows is None else rows[name].to(weight)
        drawn = drawn.reshape(weight.shape)
        if j:
            rotation = rotation_of_inputs(net, new, name, batches, cut)
            drawn = torch.einsum("oc...,cd->od...", drawn, rotation)
        new_layers[name].weight.copy_(drawn)
    return new


def rotation_of_inputs(net: nn.Module, new: nn.Module, name: str, batches: list[Tensor], cut: float) -> Tensor:
    """Return the rotation between what a layer reads in two networks."""
    collected: list[Tensor] = []

    def collect(module: nn.Module, args: tuple[Tensor]) -> None:
        rows = args[0].movedim(1, -1)
        collected.append(rows.reshape(-1, rows.shape[-1]))

    hooks = [network.get_submodule(name).register_forward_pre_hook(collect) for network in (net, new)]
    moment, count = torch.zeros(()).to(batches[0]), 0
    for batch in batches:
        collected.clear()
        net(batch)
        new(batch)
        old_rows, new_rows = collected
        moment = moment + old_rows.T @ new_rows
        count += len(old_rows)
    for hook in hooks:
        hook.remove()
    u, s, vh = torch.linalg.svd(moment / count)
    kept = s >= cut * s[0]
    return u[:, kept] @ vh[kept]
