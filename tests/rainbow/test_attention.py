"""Attention: queries and keys are summed over, one neuron each; heads are populations; the scale follows the width."""

import pytest
import torch
from torch import nn

import rainbownet as rn
from case_attention import NETS, made
from case_laws import Copies
from cases import distance
from rainbownet.graph import Network

EACH = pytest.mark.parametrize("name", NETS)
EXACT = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}


@EACH
def test_identity_shuffled_and_doubled_copies_are_exact(name):
    net, images = made(name)
    rainbow = rn.fit(net, [images], law=Copies(), strict=True)
    for what, width, draw in (("identity", 1, "identity"), ("shuffled", 1, "gaussian"), ("doubled", 2, "gaussian")):
        drawn = rainbow.sample([images], width=width, draw=draw, **EXACT)
        assert distance(net, drawn, images) < 1e-9, what


@EACH
def test_draws_of_any_width_are_finite(name):
    net, images = made(name)
    rainbow = rn.fit(net, [images])
    for width in (0.5, 1.5, 2, 3):
        assert rainbow.sample([images], width=width)(images).isfinite().all(), width


@EACH
def test_nearly_all_parameters_are_drawn(name):
    network = Network(*made(name))
    assert network.kept_by == ()
    assert network.share_drawn > 0.85


def test_queries_and_keys_of_a_head_are_one_population_and_values_another():
    network = Network(*made("sdpa"))
    writers = [p.writers for p in network.populations if p.name.startswith("blocks.0.") and not p.frozen]
    assert writers.count(("blocks.0.q.weight", "blocks.0.k.weight")) == 4
    assert writers.count(("blocks.0.v.weight",)) == 4


def test_neurons_of_heads_are_only_summed_over_and_those_of_the_stream_are_not():
    network = Network(*made("unbind"))
    heads = {p.name for p in network.populations if p.writers and p.writers[0].endswith("qkv.weight")}
    assert network.summed == heads


def scores(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The scores of the first head of the first block, from its input and the scale its product has."""
    block = net.get_submodule("blocks.0")
    size = block.q.weight.shape[0] // 4
    q, k = block.q(x)[:, :size], block.k(x)[:, :size]
    return q @ k.T * 4**-0.5 * 4 / size


@pytest.mark.parametrize("width", [1, 2, 3])
def test_orthogonal_draws_of_queries_and_keys_give_the_trained_scores(width):
    net, images = made("sdpa")
    rainbow = rn.fit(net, [images])
    drawn = rainbow.sample([images], width={"blocks.0.q": width}, layers=["blocks.0.q"], **EXACT)
    h = torch.randn(9, 16, dtype=torch.float64)
    assert torch.allclose(scores(net, h), scores(drawn, h), atol=1e-9)
    assert distance(net, drawn, images) < 1e-9


def test_scores_of_independent_draws_are_those_trained_on_average_and_drawn_apart_they_are_zero():
    net, images = made("sdpa")
    rainbow = rn.fit(net, [images], law=rn.Gaussian(mean=False))
    h = torch.randn(9, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    trained = scores(net, h)

    def error(target: torch.Tensor, tie: str) -> float:
        options = {"width": {"blocks.0.q": 16}, "layers": ["blocks.0.q"], "draw": "gaussian", "tie": tie, **EXACT}
        mean = sum(scores(rainbow.sample([images], seed=seed, **options), h) for seed in range(24)) / 24
        return ((mean - target).norm() / trained.norm()).item()

    assert error(trained, "joint") < 0.15
    assert error(torch.zeros_like(trained), "independent") < 0.15


def test_the_scale_of_a_product_follows_the_width_of_its_heads():
    net, images = made("bmm")
    drawn = rn.fit(net, [images]).sample([images], width={"blocks.0.q": 3})
    found = [n.args[1] for n in drawn.graph.nodes if "mul" in str(n.target) and isinstance(n.args[1], float)]
    scales = [x for x in found if x != 1.0]  # sums over tokens have a factor of 1
    assert scales == pytest.approx([4**-0.5 / 3, 4**-0.5])


def test_a_product_without_a_constant_factor_is_given_one_that_follows_the_width():
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.head = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((self.q(x) @ self.k(x).transpose(1, 2)).softmax(-1) @ self.v(x)).mean(1)

    net, images = Bare().eval().double(), torch.randn(64, 5, 6, dtype=torch.float64)
    rainbow = rn.fit(net, [images], law=Copies(), strict=True)
    assert distance(net, rainbow.sample([images], width=2, draw="gaussian", **EXACT), images) < 1e-9


def test_a_transformer_is_saved_and_loaded(tmp_path):
    net, images = made("encoder_masked")
    rainbow = rn.fit(net.float(), [images.float()])
    rainbow.save(tmp_path / "encoder.rainbow")
    again = rn.load(tmp_path / "encoder.rainbow")
    assert again.network.summed == rainbow.network.summed
    # A ridge well above rounding: graphs of files compute in another order.
    one, other = (own.sample([images.float()], width=2, alignment=rn.LeastSquares(1e-3)) for own in (rainbow, again))
    assert distance(one, other, images.float()) < 1e-4
