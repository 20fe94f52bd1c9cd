"""Architectures of the literature, written out small: residual, dense, inverted, grouped, shuffled, and chains."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rainbownet.nets import build


def unit(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1, act=nn.ReLU) -> nn.Sequential:
    """Return a convolution, its batch norm and a non-linearity, if any."""
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int, squeezed: int, act=nn.ReLU, scale=nn.Sigmoid) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze, self.excite = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.scale = act(), scale()

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(self.excite(self.act(self.squeeze(self.pool(x))))) * x


class Bottleneck(nn.Module):
    """1×1, 3×3 in groups, 1×1, and a shortcut (ResNet-50, ResNeXt; with a gate RegNetY)."""

    def __init__(self, inputs: int, width: int, outputs: int, stride: int, groups: int = 1, gate: int = 0) -> None:
        super().__init__()
        self.a, self.b = unit(inputs, width, 1), unit(width, width, 3, stride, groups)
        self.gate = Gate(width, gate) if gate else nn.Identity()
        self.c = unit(width, outputs, 1, act=None)
        self.shortcut = unit(inputs, outputs, 1, stride, act=None) if stride > 1 or inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.shortcut is None else self.shortcut(x)
        return F.relu(self.c(self.gate(self.b(self.a(x)))) + identity)


class Classifier(nn.Module):
    """A body, global pooling, dropout and a linear map."""

    def __init__(self, body: nn.Module, channels: int) -> None:
        super().__init__()
        self.features = body
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Linear(channels, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(torch.flatten(self.avgpool(self.features(x)), 1)))


def bottlenecks(groups: int = 1, gate: int = 0) -> nn.Module:
    stem = nn.Sequential(unit(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1))
    width = 8 if groups == 1 else 16
    stages = [
        Bottleneck(8, width, 16, 1, groups, gate),
        Bottleneck(16, width, 16, 1, groups, gate),
        Bottleneck(16, 2 * width, 24, 2, groups, gate),
    ]
    return Classifier(nn.Sequential(stem, *stages), 24)


class DenseLayer(nn.Module):
    """Norm, ReLU, 1×1, norm, ReLU, 3×3 of all features so far."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, 2 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(2 * growth), nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        x = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(x)))


class DenseBlock(nn.ModuleDict):
    """Dense layers whose outputs are all concatenated."""

    def __init__(self, inputs: int, growth: int, layers: int) -> None:
        super().__init__({f"layer{i}": DenseLayer(inputs + i * growth, growth) for i in range(layers)})

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


def densenet() -> nn.Module:
    transition = [nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 8, 1, bias=False), nn.AvgPool2d(2, 2)]
    stem = [unit(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1)]
    blocks = [DenseBlock(8, 4, 2), *transition, DenseBlock(8, 4, 2), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    return Classifier(nn.Sequential(*stem, *blocks), 16)


class Inception(nn.Module):
    """Four branches whose outputs meet: 1×1, 3×3, twice 3×3, and a pooled one."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.one = unit(inputs, 6, 1)
        self.two = nn.Sequential(unit(inputs, 4, 1), unit(4, 6))
        self.three = nn.Sequential(unit(inputs, 3, 1), unit(3, 4))
        self.four = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), unit(inputs, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.two(x), self.three(x), self.four(x)], 1)


def googlenet() -> nn.Module:
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return Classifier(nn.Sequential(unit(3, 8, 7, 2), pool, Inception(8), Inception(20)), 20)


class Inverted(nn.Module):
    """1×1 to more channels, a filter a channel, a gate if any, 1×1 back (MobileNetV2 and V3, MNASNet, EfficientNet)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int, act, size: int = 3, gate=None) -> None:
        super().__init__()
        hidden = inputs * expand
        layers = [unit(inputs, hidden, 1, act=act)] if expand > 1 else []
        layers += [unit(hidden, hidden, size, stride, hidden, act=act), *([gate(hidden)] if gate else [])]
        self.block = nn.Sequential(*layers, unit(hidden, outputs, 1, act=None))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.residual else self.block(x)


def inverted(act: Callable[[], nn.Module], size: int = 3, gate: Callable[[int], nn.Module] | None = None) -> nn.Module:
    blocks = [
        Inverted(8, 6, 1, 1, act, size, gate),
        Inverted(6, 8, 2, 2, act, size, gate),
        Inverted(8, 8, 1, 2, act, size, gate),
    ]
    return Classifier(nn.Sequential(unit(3, 8, 3, 2, act=act), *blocks, unit(8, 16, 1, act=act)), 16)


class ShuffleUnit(nn.Module):
    """Half of the channels go past, the others through a depthwise branch; then both are interleaved (ShuffleNetV2)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, half = stride, outputs // 2
        self.past = (
            nn.Sequential(unit(inputs, inputs, 3, 2, inputs, act=None), unit(inputs, half, 1)) if stride > 1 else None
        )
        first = unit(inputs if stride > 1 else half, half, 1)
        self.branch = nn.Sequential(first, unit(half, half, 3, stride, half, act=None), unit(half, half, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            left, right = x.chunk(2, dim=1)
            x = torch.cat((left, self.branch(right)), dim=1)
        else:
            x = torch.cat((self.past(x), self.branch(x)), dim=1)
        n, c, h, w = x.size()
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def shufflenet() -> nn.Module:
    units = [ShuffleUnit(8, 16, 2), ShuffleUnit(16, 16, 1), ShuffleUnit(16, 16, 1)]
    return Classifier(nn.Sequential(unit(3, 8, 3, 2), *units, unit(16, 20, 1)), 20)


class Norm2d(nn.LayerNorm):
    """A layer norm over the channels of a feature map."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class NextBlock(nn.Module):
    """A wide filter a channel, a perceptron on channels last, a scale a channel (ConvNeXt)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.up, self.act, self.down = nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.layer_scale * self.down(self.act(self.up(out))).permute(0, 3, 1, 2)


def convnext() -> nn.Module:
    down = [Norm2d(8, eps=1e-6), nn.Conv2d(8, 12, 2, 2)]
    stem = [nn.Conv2d(3, 8, 4, 4), Norm2d(8, eps=1e-6)]
    head = [nn.AdaptiveAvgPool2d(1), Norm2d(12, eps=1e-6), nn.Flatten(1), nn.Linear(12, 5)]
    return nn.Sequential(*stem, NextBlock(8), *down, NextBlock(12), NextBlock(12), *head)


class Fire(nn.Module):
    """Squeezed to few channels, expanded by 1×1 and by 3×3 filters (SqueezeNet)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, 4, 1)
        self.one, self.three = nn.Conv2d(4, 6, 1), nn.Conv2d(4, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)


def squeezenet() -> nn.Module:
    body = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(8), Fire(12), nn.Dropout(0.5)]
    return nn.Sequential(*body, nn.Conv2d(12, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def alexnet() -> nn.Module:
    features = [nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 3, padding=1)]
    classifier = [nn.Dropout(), nn.Linear(12 * 4, 16), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(16, 5)]
    return nn.Sequential(*features, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten(), *classifier)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "alexnet": alexnet,
    "vgg": lambda: build("vgg11", width=0.0625),
    "resnet18": lambda: build("resnet18", width=0.125),
    "resnet20": lambda: build("resnet20", width=0.25),
    "resnet50": bottlenecks,
    "resnext": lambda: bottlenecks(groups=4),
    "regnet": lambda: bottlenecks(groups=2, gate=12),
    "densenet": densenet,
    "googlenet": googlenet,
    "squeezenet": squeezenet,
    "mobilenet_v2": lambda: inverted(nn.ReLU6),
    "mobilenet_v3": lambda: inverted(nn.Hardswish, 5, lambda n: Gate(n, 4, scale=nn.Hardsigmoid)),
    "mnasnet": lambda: inverted(nn.ReLU, 5),
    "efficientnet": lambda: inverted(nn.SiLU, 3, lambda n: Gate(n, 4, act=nn.SiLU)),
    "shufflenet": shufflenet,
    "convnext": convnext,
}
"""Builders by name; weights come from the global generator."""
