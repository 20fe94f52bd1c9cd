"""Axes of channels that code takes apart, into heads, paths or single channels: copies are exact, or it is kept."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from case_laws import Copies
from cases import distance
from rainbownet.errors import ArchitectureError, RainbowWarning
from rainbownet.graph import Network

EXACT = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}
IMAGES = torch.randn(64, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Parts = Callable[["Net", Tensor, Tensor], Tensor]


class Net(nn.Module):
    """Two layers beside each other, what a case does with 16 channels, and a head.

    Args:
        parts: Takes the network, the images and the 16 channels, and returns what the head reads.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.first, self.other, self.one = nn.Linear(12, 16), nn.Linear(12, 8), nn.Linear(12, 1)
        self.along = nn.Conv1d(1, 2, 3, stride=4)
        self.scale, self.of_heads = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(2, 1))
        self.register_buffer("table", torch.randn(8))
        self.parts = parts
        with torch.no_grad():
            width = parts(self, torch.zeros(2, 12), torch.zeros(2, 16)).shape[1]
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.parts(self, x, self.first(x)))


def two(y: Tensor) -> Tensor:
    return y.view(y.shape[0], 2, 8)


def unbound(net: Net, x: Tensor, y: Tensor) -> Tensor:
    a, b = two(y).unbind(1)
    return torch.cat([a.relu(), b.tanh()], 1)


def permuted(net: Net, x: Tensor, y: Tensor) -> Tensor:
    parts = two(y).permute(1, 0, 2)
    return torch.cat([parts[0].relu(), parts[1].tanh()], 1)


def split_rows(net: Net, x: Tensor, y: Tensor) -> Tensor:
    a, b = y.view(-1, 4, 4).split(2, 1)
    return torch.cat([a.relu().flatten(1), b.tanh().flatten(1)], 1)


def normalised(net: Net, x: Tensor, y: Tensor) -> Tensor:
    z = two(y)
    return (z * torch.rsqrt(z.pow(2).mean(-1, keepdim=True) + 1e-6) * net.scale).flatten(1)


def stacked(net: Net, x: Tensor, y: Tensor) -> Tensor:
    z = torch.stack([y[:, :8], net.other(x)], 1)
    return (z * z.mean(2, keepdim=True).sigmoid()).flatten(1)


DRAWN: dict[str, Parts] = {
    "unbind": unbound,
    "entries": lambda net, x, y: torch.cat([two(y)[:, 0].relu(), two(y)[:, 1].tanh()], 1),
    "permute": permuted,
    "split": split_rows,
    "softmax over parts": lambda net, x, y: two(y).softmax(1).flatten(1),
    "softmax within parts": lambda net, x, y: (two(y).relu() * two(y).softmax(2)).flatten(1),
    "means of parts": lambda net, x, y: (two(y) * two(y).mean(2, keepdim=True).softmax(1)).flatten(1),
    "mean over parts": lambda net, x, y: (two(y).relu() - two(y).mean(1, keepdim=True)).flatten(1),
    "norm of each part, one scale": normalised,
    "one scale for all parts": lambda net, x, y: (two(y).relu() * net.scale).flatten(1),
    "a scale for each part": lambda net, x, y: (two(y).relu() * net.of_heads).flatten(1),
    "one gate for all parts": lambda net, x, y: (two(y).relu() * net.other(x)[:, None]).flatten(1),
    "an input for each part": lambda net, x, y: (two(y).relu() * x[:, :2, None]).flatten(1),
    "stack": stacked,
    "layer norm of each part": lambda net, x, y: nn.functional.layer_norm(two(y), (8,), net.scale).relu().flatten(1),
    "beside zeros": lambda net, x, y: torch.cat([y[:, None], torch.zeros_like(y)[:, None]], 1).sub(1).relu().flatten(1),
}
KEPT: dict[str, Parts] = {
    "single channels": lambda net, x, y: torch.cat([torch.stack([y[:, 0].relu(), y[:, 1].tanh()], 1), net.other(x)], 1),
    "unbound channels": lambda net, x, y: torch.cat([torch.stack(y.unbind(1)[:2], 1).relu(), net.other(x)], 1),
    "every other": lambda net, x, y: torch.cat([y.view(-1, 8, 2)[..., 0].relu(), net.other(x)], 1),
    "pairs of channels": lambda net, x, y: torch.cat([(y[:, :4, None] * y[:, None, 4:8]).flatten(1), net.other(x)], 1),
    "a convolution along channels": lambda net, x, y: torch.cat([net.along(y[:, None]).flatten(1), net.other(x)], 1),
    "beside inputs": lambda net, x, y: torch.cat(
        [torch.cat([y[:, None, :12], x[:, None]], 1).relu().mean(1), net.other(x)], 1
    ),
    "a table for all parts": lambda net, x, y: torch.cat([(two(y).relu() * net.table).flatten(1), net.other(x)], 1),
}
ONE: dict[str, Parts] = {
    "taken": lambda net, x, y: y.relu() * net.one(x)[:, 0].sigmoid()[:, None],
    "reshaped": lambda net, x, y: y.relu() * net.one(x).view(-1, 1).sigmoid(),
    "multiplied": lambda net, x, y: y.relu() * (net.one(x)[:, :, None] @ net.one(x).tanh()[:, None, :]).flatten(1),
    "repeated": lambda net, x, y: torch.cat([net.other(x), net.one(x).repeat(1, 3).sigmoid()], 1),
    "beside others": lambda net, x, y: torch.cat(
        [net.other(x), torch.cat([y[:, None], net.one(x)[:, None].expand(-1, 1, 16)], 1).mean(2)], 1
    ),
    "unbound": lambda net, x, y: y.relu() * net.one(x).unbind(1)[0][:, None].sigmoid(),
}


def made(parts: Parts) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Net(parts).double().eval()


def errors(net: nn.Module) -> dict[str, float]:
    """Return how far the trained neurons as they are, shuffled and doubled, are from the network."""
    rainbow = rn.fit(net, [IMAGES], law=Copies())
    draws = (("as they are", 1, "identity"), ("shuffled", 1, "gaussian"), ("doubled", 2, "gaussian"))
    return {
        name: distance(net, rainbow.sample([IMAGES], width=width, draw=draw, **EXACT), IMAGES)
        for name, width, draw in draws
    }


@pytest.mark.parametrize("name", DRAWN)
def test_parts_of_an_axis_of_channels_are_drawn_and_copies_are_exact(name):
    net = made(DRAWN[name])
    assert not next(p for p in Network(net, IMAGES).populations if p.name == "first").frozen
    assert max(errors(net).values()) < 1e-9


@pytest.mark.parametrize("name", KEPT)
def test_channels_that_code_tells_apart_are_kept_and_said(name):
    net = made(KEPT[name])
    assert next(p for p in Network(net, IMAGES).populations if p.name == "first").frozen
    with pytest.warns(RainbowWarning, match="kept as trained"):
        assert max(errors(net).values()) < 1e-9


@pytest.mark.filterwarnings("ignore:network Net:rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize("name", ONE)
def test_a_single_channel_that_code_counts_on_stays_one(name):
    net = made(ONE[name])
    assert next(p for p in Network(net, IMAGES).populations if p.name == "one").frozen
    assert max(errors(net).values()) < 1e-9


def test_channels_tied_in_a_chain_are_refused_at_widths_that_would_take_the_chain_apart():
    net = made(lambda net, x, y: y[:, 1:].relu() - y[:, :-1].tanh())
    with pytest.raises(ArchitectureError, match=r"width 2: a layer of the resized network reads its channels in"):
        Network(net, IMAGES).resized(2)


class SamePadding(nn.Module):
    """A convolution padded by the size of its weight, which is asked for before what it reads is there."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(2, 8, 1), nn.Linear(6, 3)
        self.weight = nn.Parameter(torch.randn(6, 8, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        side = self.weight.shape[-1]
        y = nn.functional.pad(self.first(x).relu(), [side // 2] * 4)
        return self.head(nn.functional.conv2d(y, self.weight).relu().mean((2, 3)))


def test_the_shape_of_a_weight_may_be_read_before_what_the_weight_reads() -> None:
    torch.manual_seed(0)
    net, x = SamePadding().double(), torch.randn(60, 2, 4, 4).double()
    rainbow = rn.fit(net, [x], law=Copies())
    assert set(rainbow.laws) == {"first", "weight"}
    for width in (1, 2):
        drawn = rainbow.sample([x], width=width, draw="gaussian", **EXACT)
        assert distance(net, drawn, x) < 1e-9
