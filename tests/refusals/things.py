"""What bad calls are made with: networks, images, files, and calls whose other arguments are right."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rainbownet as rn
from rainbownet import analysis, data, training
from rainbownet.ensemble import grid
from rainbownet.nets import build

Call = tuple[str, Callable[[], Any]]
"""The argument at fault, and the call."""

NAN, INF = float("nan"), float("inf")
FOLDER = Path(tempfile.mkdtemp())


def mlp(seed: int = 0, inputs: int = 12, hidden: int = 16) -> nn.Sequential:
    """Return a small trained-looking network."""
    torch.manual_seed(seed)
    layers = nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 5)
    return nn.Sequential(*layers)


torch.manual_seed(0)
X = torch.randn(320, 12)
Y = torch.randint(0, 5, (320,))
NET, OTHER = mlp(0), mlp(1)
PAIRS = [(X, Y)]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    RAINBOW = rn.fit(NET, [X])
    ALIGNED = analysis.align_networks([NET, OTHER], [X], holdout=0.0)
IMAGES = data.load("digits", limit=40)
DIGITS = build("digits_mlp", width=0.25)
RECIPE = training.Recipe(epochs=1, lr=0.1)
USED_UP = iter([X])
next(USED_UP)
(FOLDER / "text.rainbow").write_text("no rainbow")
(FOLDER / "empty.rainbow").write_bytes(b"")
(FOLDER / "file").write_text("")


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def meta() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))


def nan_net() -> nn.Module:
    net = mlp(2)
    with torch.no_grad():
        net[0].weight[0, 0] = NAN
    return net


def recipe(**changes: Any) -> training.Recipe:
    return training.Recipe(**{"epochs": 1, "lr": 0.1} | changes)


def fit(nets: Any = NET, loader: Any = None, **options: Any) -> Any:
    return rn.fit(nets, [X] if loader is None else loader, **options)


def draw(loader: Any = None, **options: Any) -> Any:
    return RAINBOW.draw([X] if loader is None else loader, **options)


def limit(loader: Any = None, **options: Any) -> Any:
    return RAINBOW.limit([X] if loader is None else loader, **{"landmarks": 16} | options)


def compare(a: Any = NET, b: Any = OTHER, loader: Any = None, **options: Any) -> Any:
    return rn.compare(a, b, [X] if loader is None else loader, **options)


def path(a: Any = NET, b: Any = OTHER, loader: Any = None, **options: Any) -> Any:
    return rn.path(a, b, PAIRS if loader is None else loader, **{"points": 2, "kinds": ["unaligned"]} | options)


def align(networks: Any = (NET, OTHER), loader: Any = None, **options: Any) -> Any:
    return analysis.align_networks(networks, [X] if loader is None else loader, **options)


def train(net: Any = DIGITS, images: Any = IMAGES, **options: Any) -> Any:
    return training.train(net, images, **{"recipe": RECIPE, "progress": False} | options)


def evaluate(net: Any = NET, batches: Any = None, **options: Any) -> Any:
    return training.evaluate(net, PAIRS if batches is None else batches, **options)


def members(**options: Any) -> Any:
    return grid("digits_mlp", **{"recipe": RECIPE, "seeds": [0]} | options)
