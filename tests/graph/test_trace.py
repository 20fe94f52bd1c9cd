"""Tracing: a private copy, in evaluation mode, out of place, that computes what the module does."""

import pytest
import torch
import torch.nn.functional as F
from beartype import beartype
from jaxtyping import Float, TypeCheckError, jaxtyped
from torch import Tensor, fx, nn

from cases import CASES, TOLERANCE, distance
from rainbownet.errors import ArchitectureError, DataError
from rainbownet.graph import Network
from rainbownet.graph.nodes import evaluate, example_values
from rainbownet.graph.trace import symbolic_trace


def test_the_trace_computes_what_the_module_does(case):
    net, images = case.network(), case.images()
    assert distance(net, symbolic_trace(net), images) < TOLERANCE


def test_module_and_hooks_are_untouched_and_the_copy_has_no_hooks():
    net = CASES["conv_biases"].network().train()
    calls = []
    handle = net[0].register_forward_hook(lambda *_: calls.append(1))
    traced = symbolic_trace(net)
    traced(CASES["conv_biases"].images(2))
    assert not calls
    assert net.training
    assert net[1].inplace
    net(CASES["conv_biases"].images(2))
    assert calls == [1]
    handle.remove()
    assert not traced.training
    assert not any(p.requires_grad for p in traced.parameters())


class InPlace(nn.Module):
    """A value is read again after it was changed in place, in every way torch has."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        a = x + 1
        self.relu(a)
        b = a * 2
        b += a
        c = b - 3
        c.add_(a)
        F.relu(c, inplace=True)
        torch.relu_(b)
        d = c.clone()
        d *= 2
        return a + 10 * b + 100 * c + d


def test_values_changed_in_place_are_changed_for_those_that_read_them_later():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    traced = symbolic_trace(InPlace())
    expected = InPlace()(x.clone())
    torch.testing.assert_close(traced(x.clone()), expected)
    # Evaluated node by node, values stay what they were.
    env, modules = {}, dict(traced.named_modules())
    for node in traced.graph.nodes:
        env[node] = x.clone() if node.op == "placeholder" else evaluate(traced, node, env, modules)
        before = {n: v.clone() for n, v in env.items() if isinstance(v, Tensor)}
        for other, value in before.items():
            torch.testing.assert_close(env[other], value)
    torch.testing.assert_close(env[next(n for n in traced.graph.nodes if n.op == "output")], expected)


class Optional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 3)

    def forward(self, x: Tensor, scale: float = 2.0, mask: Tensor | None = None) -> Tensor:
        return self.a(x) * scale if mask is None else self.a(x)


def test_arguments_with_defaults_take_them():
    net = Optional().eval()
    traced = symbolic_trace(net)
    assert [n.target for n in traced.graph.nodes if n.op == "placeholder"] == ["x"]
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(traced(x), net(x))


def test_a_graph_module_is_taken_as_it_is():
    traced = fx.symbolic_trace(CASES["mlp"].network())
    again = symbolic_trace(traced)
    assert again is not traced
    images = CASES["mlp"].images()
    assert distance(traced, again, images) == 0.0


def test_a_layer_that_cannot_be_run_is_named():
    traced = symbolic_trace(nn.Sequential(nn.Flatten(), nn.Linear(5, 3)))
    with pytest.raises(DataError, match=r"layer '1' cannot be evaluated on inputs of shape \(2, 4\)"):
        example_values(traced, torch.zeros(2, 4))


def test_a_module_with_a_loop_over_values_is_refused():
    class Loop(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(int(x.sum())):
                x = x + 1
            return x

    with pytest.raises(ArchitectureError, match="Loop cannot be traced"):
        symbolic_trace(Loop())


def test_forwards_with_checked_shapes_are_traced_and_checked_afterwards():
    class Checked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 3)

        @jaxtyped(typechecker=beartype)
        def forward(self, x: Float[Tensor, "b 4"]) -> Float[Tensor, "b 3"]:
            return self.a(x)

    net = Checked().eval()
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(symbolic_trace(net)(x), net(x))
    with pytest.raises(TypeCheckError):
        net(x[:, :3])


class Remembering(nn.Module):
    """A table looked up once and kept for the next call, as LevIT's biases of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head, self.table = nn.Linear(4, 8), nn.Linear(8, 3), nn.Parameter(torch.randn(8))
        self.order = [1, 0, 3, 2, 5, 4, 7, 6]
        self.cache: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        if "table" not in self.cache:
            self.cache["table"] = self.table[self.order]
        self.last = self.first(x)
        return self.head(self.last * self.cache["table"])


def test_what_a_forward_pass_remembers_is_not_what_a_trace_was_made_of():
    net, x = Remembering(), torch.randn(3, 4)
    network = Network(net, x)
    assert network.root.cache == {}
    assert not hasattr(network.root, "last")
    assert torch.equal(network.like(x).traced(x), net(x))


class Assigning(nn.Module):
    """Parts of a map are assigned to, along one axis, along two and as a whole, as MViT's relative positions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(1, 8, 1), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y[:, :, 1:] = y[:, :, 1:].relu() * 2
        y[:, :, :2, 2:] = y[:, :, :2, 2:].tanh() + y[:, :, 1:3, 1:3]
        y[:, :, 0:] = y + 1
        return self.head(y.mean((2, 3)))


class StaleView(Assigning):
    """A view is read after the tensor that it shows was assigned to."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        view = y[:, :, :2]
        y[:, :, 1:] = y[:, :, 1:].relu() * 2
        return self.head(y.mean((2, 3)) + view.mean((2, 3)))


def test_assignments_to_parts_are_traced_and_what_they_change_is_drawn():
    net, x = Assigning().double().eval(), torch.randn(40, 1, 4, 4, dtype=torch.float64)
    assert torch.equal(symbolic_trace(net, x[:2])(x), net(x))
    assert [(p.name, p.frozen) for p in Network(net, x, strict=True).populations] == [("first", False), ("head", True)]


def test_a_view_of_what_is_assigned_to_is_refused_where_it_would_show_old_entries():
    with pytest.raises(ArchitectureError, match="a view of it, 'getitem', is read later"):
        symbolic_trace(StaleView().double().eval(), torch.randn(2, 1, 4, 4, dtype=torch.float64))
