"""Networks of the cases that branch: residual streams, concatenations, gates, and the norms that go with them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False)


class PadShortcut(nn.Module):
    """ResNet's option A: every second pixel, channels padded with zeros."""

    def __init__(self, pad: int) -> None:
        super().__init__()
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad), "constant", 0)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: nn.Module) -> None:
        super().__init__()
        self.conv1, self.bn1 = _convolution(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = _convolution(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    """Identity and projection shortcuts, or the zero-padded ones."""

    def __init__(self, option: str = "B", width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(3, width), nn.BatchNorm2d(width), nn.ReLU())
        projection = nn.Sequential(_convolution(width, 2 * width, 1, 2), nn.BatchNorm2d(2 * width))
        shortcut = projection if option == "B" else PadShortcut(width // 2)
        self.layer1 = Block(width, width, 1, nn.Sequential())
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2, shortcut), Block(2 * width, 2 * width, 1, nn.Identity()))
        self.fc = nn.Linear(2 * width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class PreActivation(nn.Module):
    """Norm and non-linearity before the layers; the stream itself is never normalised (also WideResNet's block)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), _convolution(inputs, outputs, stride=stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), _convolution(outputs, outputs)
        self.dropout = nn.Dropout(0.1)
        self.project = _convolution(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(x), inplace=True)
        shortcut = x if self.project is None else self.project(out)
        out = self.conv2(self.dropout(F.relu(self.bn2(self.conv1(out)))))
        return out + shortcut


def preactivation(widen: int = 1) -> nn.Module:
    width = 8 * widen
    return nn.Sequential(
        _convolution(3, 8),
        PreActivation(8, width),
        PreActivation(width, width),
        PreActivation(width, 2 * width, 2),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 5),
    )


class Dense(nn.Module):
    """Concatenations: features grow (DenseNet), branches meet (Inception)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm1, self.conv1 = nn.BatchNorm2d(8), _convolution(8, 4)
        self.norm2, self.conv2 = nn.BatchNorm2d(12), _convolution(12, 4)
        self.branch1, self.branch2 = nn.Conv2d(16, 6, 1), nn.Conv2d(16, 4, 3, padding=1)
        self.head = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        features.append(self.conv1(F.relu(self.norm1(features[0]))))
        features.append(self.conv2(F.relu(self.norm2(torch.cat(features, 1)))))
        x = torch.relu(torch.cat(features, dim=1))
        x = torch.cat([F.relu(self.branch1(x)), torch.tanh(self.branch2(x))], 1)
        return self.head(x.mean((2, 3)))


class Separable(nn.Module):
    """Depthwise filters, one or two a channel, and a gate from squeezed features (MobileNet, EfficientNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution(3, 8), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(_convolution(8, 8, groups=8), nn.BatchNorm2d(8), nn.SiLU())
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.point = nn.Sequential(_convolution(8, 8, 1), nn.BatchNorm2d(8))
        self.multiplied = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1, groups=8), nn.ReLU())
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out = self.depthwise(x)
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(F.adaptive_avg_pool2d(out, 1)))))
        out = self.point(out * gate)
        return self.head(self.multiplied(x + out).mean([2, 3]))


class Shuffle(nn.Module):
    """Grouped convolutions, channels shuffled, chunked and split (ResNeXt, ShuffleNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.grouped = nn.Sequential(_convolution(16, 16, groups=2), nn.BatchNorm2d(16), nn.ReLU())
        self.branch = nn.Sequential(_convolution(8, 8), nn.BatchNorm2d(8), nn.ReLU())
        self.last = nn.Conv2d(16, 12, 1)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(F.relu(self.stem(x)))
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left, self.branch(right)], dim=1)
        n, c, h, w = x.size()
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        a, b = torch.split(self.last(x), [8, 4], dim=1)
        return self.head(F.relu(a).mean((2, 3)) * torch.sigmoid(b.mean((1, 2, 3), keepdim=False).unsqueeze(1)))


class ConvNext(nn.Module):
    """A block with a depthwise filter, channels last, a layer norm and a scale per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 2, 2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.expand, self.reduce = nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale = nn.Parameter(torch.full((8,), 0.5))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        out = self.reduce(F.gelu(self.expand(out))) * self.scale
        return self.head((x + out.permute(0, 3, 1, 2)).mean([-2, -1]))


def normed(kind: str) -> nn.Module:
    """Norms over the channels or positions of one image."""
    norms = {
        "group": lambda: nn.GroupNorm(2, 8),
        "instance": lambda: nn.InstanceNorm2d(8, affine=True),
        "one": lambda: nn.GroupNorm(1, 8),
    }
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        norms[kind](),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        norms[kind](),
        nn.ReLU(),
        nn.AvgPool2d(4),
        nn.Flatten(),
        nn.Linear(8 * 4, 5),
    )


def rms() -> nn.Module:
    return nn.Sequential(
        nn.Linear(12, 16), nn.RMSNorm(16), nn.ReLU(), nn.Linear(16, 8), nn.LayerNorm(8), nn.Linear(8, 5)
    )


class UNet(nn.Module):
    """Down, up by a transposed convolution, a concatenated skip, and a head that is a parameter used by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())
        self.up = nn.ConvTranspose2d(12, 8, 2, 2)
        self.join = nn.Conv2d(16, 8, 3, padding=1)
        self.head = nn.Parameter(0.3 * torch.randn(5, 8, 1, 1))
        self.offset = nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.up(self.down2(a))
        return F.conv2d(F.relu(self.join(torch.cat((a, F.relu(b)), dim=1))), self.head, self.offset)


class Mixer(nn.Module):
    """An MLP-Mixer block: linear maps over tokens and over channels, on one residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, 4)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(12), nn.LayerNorm(12), nn.LayerNorm(12)
        self.tokens = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self.channels = nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(self.norm3(x).mean(dim=1))
