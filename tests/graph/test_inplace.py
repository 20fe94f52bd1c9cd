"""Changes in place: parts of tensors are assigned to, views that others share are refused: nothing is silent."""

import sys
import types

import pytest
import torch
from torch import Tensor, fx, nn

import rainbownet as rn
from case_laws import Copies
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network
from rainbownet.graph.inplace import check_in_place
from rainbownet.graph.trace import _Tracer, symbolic_trace


class Changing(nn.Module):
    """A hidden layer beside one whose values a function changes."""

    def __init__(self, change) -> None:
        super().__init__()
        self.first, self.hidden, self.last = nn.Linear(4, 6), nn.Linear(6, 8), nn.Linear(8, 3)
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.hidden(self.change(self.first(x).clone())).relu())


def zeroed(y: Tensor) -> Tensor:
    y[:, :2].zero_()
    return y


def filled(y: Tensor) -> Tensor:
    y[:, 2:].fill_(1.5)
    return y


def added(y: Tensor) -> Tensor:
    part = y[:, :3]
    part.add_(1.0)
    return y * part.mean()


def number(y: Tensor) -> Tensor:
    y[:, 4:] = 2
    return y


def copied_part(y: Tensor) -> Tensor:
    y[:, :2].copy_(y[:, 2:4])
    return y


def of_several(y: Tensor) -> Tensor:
    y.view(-1, 2, 3).transpose(1, 2).mul_(2.0)
    return y


@pytest.mark.parametrize("change", [zeroed, filled, added, number, copied_part])
def test_parts_that_are_changed_in_place_are_seen_by_what_reads_the_whole(change) -> None:
    torch.manual_seed(0)
    net, x = Changing(change), torch.randn(64, 4)
    torch.testing.assert_close(symbolic_trace(net, x)(x), net(x))
    network = Network(net, x)
    drawn = {population.name for population in network.populations if not population.frozen}
    assert "first" not in drawn
    assert any("hidden" in name for name in drawn)
    rainbow = rn.fit(net, [x])
    torch.testing.assert_close(rainbow.sample([x], draw="identity", holdout=0.0)(x), net(x), rtol=0, atol=1e-5)


def test_positions_that_are_zeroed_leave_channels_drawn() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv1d(2, 6, 1), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x).relu().clone()
            y[:, :, :2] = 0
            y[:, :, 5:].zero_()
            return self.last(y.mean(2))

    torch.manual_seed(0)
    net, x = Padded().double(), torch.randn(50, 2, 8).double()
    rainbow = rn.fit(net, [x], law=Copies())
    assert list(rainbow.laws) == ["first"]
    for width in (1, 2):
        drawn = rainbow.sample([x], width=width, draw="gaussian", alignment=rn.LeastSquares(ridge=0.0), holdout=0.0)
        torch.testing.assert_close(drawn(x), net(x), rtol=0, atol=1e-9)


def emptied(y: Tensor) -> Tensor:
    other = y.clone()
    y.zero_()
    other.fill_(3.0)
    return y + other


def copied(y: Tensor) -> Tensor:
    y.copy_(2 * y)
    return y


def test_tensors_that_are_set_in_place_are_seen_as_set() -> None:
    net, x = Changing(emptied), torch.randn(8, 4)
    torch.testing.assert_close(symbolic_trace(net, x)(x), net(x), rtol=0, atol=0)


def test_a_method_without_another_form_is_not_lost() -> None:
    net, x = Changing(copied), torch.randn(8, 4)
    seen = _Tracer(x, ["x"], None)
    graph = seen.trace(net)
    with pytest.raises(ArchitectureError, match="in place by 'copy_', which has no form that gives a new"):
        check_in_place(net, graph, seen.values)


def test_a_view_that_others_share_is_not_changed_in_place() -> None:
    net, x = Changing(of_several), torch.randn(8, 4)
    seen = _Tracer(x, ["x"], None)
    graph = seen.trace(net)
    with pytest.raises(ArchitectureError, match="is changed in place, and 'clone', which shares its memory, is read"):
        check_in_place(net, graph, seen.values)


def test_a_function_that_is_wrapped_for_torch_fx_is_traced_through() -> None:
    package = types.ModuleType("a_package")
    source = """
import torch
def doubled(x): return 2 * x
def branching(x):
    if x.sum() > 0: return x
    return -x
def forward(self, x): return self.last(doubled(self.first(x)).relu())
def forward_branching(self, x): return self.last(branching(self.first(x)).relu())
"""
    exec(source, vars(package))  # the table of torch.fx has the globals of a module
    sys.modules["a_package"] = package
    before = dict(fx._symbolic_trace._wrapped_fns_to_patch)
    try:
        for name in ("doubled", "branching"):
            fx._symbolic_trace._wrapped_fns_to_patch[(id(vars(package)), name)] = vars(package)
        for forward, through in ((package.forward, True), (package.forward_branching, False)):
            made = {"forward": forward, "__module__": "a_package"}
            net = type("Wrapping", (nn.Module,), made)()
            net.first, net.last = nn.Linear(4, 6), nn.Linear(6, 3)
            network = Network(net, torch.randn(8, 4))
            nodes = list(network.traced.graph.nodes)
            assert any("a_package" in str(getattr(node.target, "__module__", "")) for node in nodes) != through
        assert dict(fx._symbolic_trace._wrapped_fns_to_patch) != before
    finally:
        del sys.modules["a_package"]
        fx._symbolic_trace._wrapped_fns_to_patch.clear()
        fx._symbolic_trace._wrapped_fns_to_patch.update(before)
