"""Networks as people write them: norms of their own class, code that asks for shapes, maps of one channel, mixers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NormAct(nn.BatchNorm2d):
    """A batch norm with an activation, by the function, as timm writes it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        torch._assert(x.ndim == 4, f"expected 4D input (got {x.ndim}D input)")
        factor = 0.0 if self.momentum is None else self.momentum
        batch = True if self.training else self.running_mean is None and self.running_var is None
        tracked = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if tracked else (None, None)
        return self.act(self.drop(F.batch_norm(x, mean, var, self.weight, self.bias, batch, factor, self.eps)))


class GroupNormAct(nn.GroupNorm):
    def forward(self, x: Tensor) -> Tensor:
        return F.silu(F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps))


class InstanceNormAct(nn.InstanceNorm2d):
    def forward(self, input: Tensor) -> Tensor:
        return F.silu(F.instance_norm(input, weight=self.weight, bias=self.bias, eps=self.eps))


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of a map, as ConvNeXt has it."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


def normed(first: nn.Module, second: nn.Module, *, after: nn.Module | None = None) -> nn.Module:
    middle = [] if after is None else [after]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)]
    return nn.Sequential(nn.Conv2d(3, 8, 3), *middle, first, nn.Conv2d(8, 12, 3), second, *head)


class Shapes(nn.Module):
    """Code that branches on shapes, unpacks sizes, loops over parts and turns sizes into numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.wide, self.head = nn.Conv2d(8, 12, 1), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        if len(y.shape) != 4 or y.dim() != 4 or y.size(1) < 1:
            raise ValueError("expected maps")
        batch, channels, height, width = y.shape
        z = F.relu(self.second(y))
        z = z + y if z.shape == y.shape and channels == z.size(1) else z
        z = self.wide(z) if z.shape[-1] > int(height) // 2 else z
        z = torch.cat([F.relu(part) for part in z.split(z.shape[1] // 2, dim=1)], 1)
        for _ in range(width // 4):
            z = z + 1
        left, right = z.chunk(2, 1)
        z = torch.cat([left, right], 1)
        return self.head(z.view(batch, z.shape[1], height * width).mean(-1))


class Gate(nn.Module):
    """A map of one channel that scales all others (FocalNet, SwiftFormer)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 1, 1)
        self.second, self.head = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.first(x))
        return self.head(F.relu(self.second(y * torch.sigmoid(self.gate(y)))).mean((2, 3)))


class OneMap(nn.Module):
    """A map of one channel that is read by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.one = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 1, 1)
        self.second, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(F.gelu(self.first(x)))
        return self.head(F.relu(self.second(F.silu(y + 1) * 2)).mean((2, 3)))


class Mixer(nn.Module):
    """Several blocks of an MLP-Mixer."""

    def __init__(self, blocks: int = 3) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 12, 4, 4), nn.Linear(12, 5)
        self.tokens = nn.ModuleList(nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)) for _ in range(blocks))
        self.mlps = nn.ModuleList(nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12)) for _ in range(blocks))
        self.norms = nn.ModuleList(nn.LayerNorm(12) for _ in range(2 * blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        for i, (tokens, mlp) in enumerate(zip(self.tokens, self.mlps, strict=True)):
            x = x + tokens(self.norms[2 * i](x).transpose(1, 2)).transpose(1, 2)
            x = x + mlp(self.norms[2 * i + 1](x))
        return self.head(x.mean(1))


CODE = {
    "batch_norm": lambda: normed(NormAct(8), NormAct(12)),
    "batch_norm_first": lambda: normed(NormAct(8), NormAct(12), after=nn.ReLU()),
    "group_norm": lambda: normed(GroupNormAct(2, 8), GroupNormAct(1, 12)),
    "instance_norm": lambda: normed(InstanceNormAct(8, affine=True), InstanceNormAct(12)),
    "layer_norm": lambda: normed(ChannelNorm(8), ChannelNorm(12), after=nn.ReLU()),
    "shapes": Shapes,
    "gate": Gate,
    "one_map": OneMap,
    "mixer": Mixer,
}
"""Constructors of networks for inputs of shape (3, 8, 8), by name."""
