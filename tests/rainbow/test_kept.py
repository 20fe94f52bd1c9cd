"""What has no rule is kept as trained, with a warning; the rest is drawn."""

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from case_laws import Copies
from cases import distance
from rainbownet.errors import RainbowWarning, UnsupportedOp
from rainbownet.graph import Network
from rainbownet.rainbow.describe import kept_operations

WIDTHS = (0.5, 1.5, 2, 3)


class Cumulated(nn.Module):
    """A sum over the channels before each."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden, self.head = nn.Linear(12, 8), nn.Linear(8, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.first(x).cumsum(1)).relu())


class Recurrent(nn.Module):
    """A leaf of torch without a rule, which returns a tuple of tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.memory = nn.Linear(4, 8), nn.LSTM(8, 6, batch_first=True)
        self.hidden, self.head = nn.Linear(6, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        _, (last, _) = self.memory(self.first(x.unflatten(1, (3, 4))))
        return self.head(self.hidden(last[0]).relu())


class TwoAxes(nn.Module):
    """A product of two layers along two axes, read along one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(12, 8), nn.Linear(12, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.left(x).unsqueeze(2) * self.right(x).unsqueeze(1)).mean(1)


class Outer(nn.Module):
    """A parameter that belongs to neurons along both of its axes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(12, 6), nn.Linear(12, 6), nn.Linear(6, 5)
        self.scale = nn.Parameter(torch.randn(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.a(x).unsqueeze(1) * self.b(x).unsqueeze(2) * self.scale).mean(1))


class Summed(nn.Module):
    """A sum over channels beside a layer that reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden, self.head = nn.Linear(12, 8), nn.Linear(12, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x).relu()) * self.first(x).sum(1, keepdim=True)


class EveryOther(nn.Module):
    """A slice with a step, whose rule gives up midway."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden, self.head = nn.Linear(12, 8), nn.Linear(4, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.first(x).relu()[:, ::2]).relu())


class WholeBatch(nn.Module):
    """A module of one's own with parameters, kept whole."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.memory = nn.Linear(12, 8), nn.GRUCell(8, 6)
        self.hidden, self.head = nn.Linear(6, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.memory(self.first(x))).relu())


class GroupsInPart(nn.Module):
    """A convolution of groups that reads some channels that are kept and some that are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.groups = nn.Conv1d(3, 8, 1), nn.Conv1d(8, 8, 1, groups=2)
        self.hidden, self.head = nn.Linear(32, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x.unflatten(1, (3, 4)))
        z = self.groups(y).relu() + y[:, :4].cumsum(1).tile(1, 2, 1)
        return self.head(self.hidden(z.flatten(1)).relu())


NETS = (Cumulated, Recurrent, TwoAxes, Outer, Summed, EveryOther, WholeBatch, GroupsInPart)
EACH = pytest.mark.parametrize("build", NETS, ids=[build.__name__ for build in NETS])


def made(build: type[nn.Module]) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build().double().eval(), torch.randn(96, 12, dtype=torch.float64)


@EACH
def test_copies_around_what_is_kept_are_exact(build):
    net, images = made(build)
    with pytest.warns(RainbowWarning, match=r"% of its parameters are drawn.*kept as trained"):
        rainbow = rn.fit(net, [images], law=Copies())
    assert rainbow.laws
    options = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}
    for name, width, draw in (("identity", 1, "identity"), ("shuffled", 1, "gaussian"), ("doubled", 2, "gaussian")):
        drawn = rainbow.sample([images], width=width, draw=draw, **options)
        assert distance(net, drawn, images) < 1e-9, name


@EACH
def test_draws_of_any_width_around_what_is_kept_are_finite(build):
    net, images = made(build)
    with pytest.warns(RainbowWarning):
        rainbow = rn.fit(net, [images])
    for width in WIDTHS:
        assert rainbow.sample([images], width=width)(images).isfinite().all(), width


@EACH
def test_strict_refuses_it_in_one_line(build):
    net, images = made(build)
    with pytest.raises(UnsupportedOp, match=r"^node '\w+' \(\w+\) in module '.*' is not supported: [^\n]*$"):
        rn.fit(net, [images], strict=True)


def test_the_warning_names_the_operation_the_module_and_the_rule():
    net, images = made(Cumulated)
    with pytest.warns(
        RainbowWarning, match=r"Cumulated: 43\.2 % .*'cumsum' \(cumsum\) in module '\(root\)'.*no rule.*graph\.register"
    ):
        rn.fit(net, [images])


def test_the_share_drawn_counts_the_numbers_of_drawn_neurons():
    net, images = made(Cumulated)
    network = Network(net, images)
    assert network.share_drawn == pytest.approx((16 * 8 + 16) / (12 * 8 + 8 + 8 * 16 + 16 + 16 * 5 + 5))


def test_what_is_kept_is_listed_once_each():
    net, images = made(Recurrent)
    table = kept_operations(Network(net, images))
    assert list(table["operation"]) == ["memory"]
    assert "LSTM" in table["why"][0]


def test_operations_on_inputs_alone_keep_nothing():
    class Before(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.head = nn.Linear(12, 16), nn.Linear(16, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.hidden(x.cumsum(1)).relu())

    net, images = made(Before)
    network = Network(net, images, strict=True)
    assert network.kept_by == ()
    assert [p.name for p in network.populations if not p.frozen] == ["hidden"]
