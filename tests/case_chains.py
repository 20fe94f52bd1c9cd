"""Plain networks of the cases: one layer after another, with everything that may stand between two layers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 12, bias=False), nn.Tanh(), nn.Linear(12, 5))


def conv_biases() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )


def norm_first(**options: bool) -> nn.Module:
    """Batch norms before the non-linearity, some convolutions with biases."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8, **options),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.BatchNorm2d(12, **options),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12 * 4, 5),
    )


def norm_last(**options: bool) -> nn.Module:
    """Batch norms after the non-linearity: nothing can be folded."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.BatchNorm2d(8, **options),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.BatchNorm2d(12, **options),
        nn.AdaptiveMaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12 * 4, 5),
    )


class Functional(nn.Module):
    """Functional forms throughout, the width written into the code."""

    def __init__(self, flatten: str) -> None:
        super().__init__()
        self.flatten = flatten
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Linear(8 * 16, 12)
        self.third = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(torch.relu_(self.norm(self.first(x))), 2)
        if self.flatten == "view":
            x = x.view(-1, 8 * 16)
        elif self.flatten == "view_size":
            x = x.view(x.size(0), -1)
        elif self.flatten == "reshape":
            x = x.reshape((x.shape[0], 128))
        else:
            x = torch.flatten(x, 1)
        x = F.dropout(self.second(x), 0.3, self.training)
        return self.third(x.sigmoid().sub(0.5))


class ChannelsLast(nn.Module):
    """A flatten with channels last: positions are the outer factor of the axis."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.second = nn.Linear(8 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x)).permute(0, 2, 3, 1).flatten(1))


def conv1d() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 8, 3, padding=1),
        nn.BatchNorm1d(8),
        nn.ELU(),
        nn.Dropout(0.2),
        nn.Conv1d(8, 12, 3, stride=2),
        nn.Softplus(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )


def prelu() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.PReLU(8),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.PReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


class Tokens(nn.Module):
    """Symbols as input."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.hidden = nn.Linear(8, 16)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(torch.relu(self.hidden(self.embedding(x)))).mean(1))


class Shared(nn.Module):
    """One layer applied twice: it reads the space it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(12, 16)
        self.shared = nn.Linear(16, 16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for _ in range(2):
            x = torch.tanh(self.shared(x))
        return self.head(x)


class SharedActivation(nn.Module):
    """One module without parameters used everywhere, as many networks are written."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.a, self.b, self.c = nn.Linear(12, 16), nn.Linear(16, 12), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.act(self.b(self.act(self.a(x)))))


class Complex(nn.Module):
    """Complex weights under a modulus."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 16, dtype=torch.complex64)
        self.second = nn.Linear(16, 12, dtype=torch.complex64)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.complex(x, torch.zeros_like(x))
        x = self.second(self.first(x))
        return self.head(x.abs())
