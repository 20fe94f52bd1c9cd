"""Our vision transformers are sampled exactly, heads included, and their scores are the trained ones on average."""

import pytest
import torch

import rainbownet as rn
from case_laws import Copies
from cases import distance
from rainbownet.graph import Network, folded_gains
from rainbownet.nets import build
from rainbownet.nets.vit import VisionTransformer

EXACT = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}


@pytest.fixture(scope="module")
def subject():
    net = build("digits_vit", width=0.5, depth=2).double().eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for parameter in net.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        return net, torch.randn(160, 1, 8, 8, dtype=torch.float64)


def test_identity_shuffled_and_doubled_copies_are_exact(subject):
    net, images = subject
    rainbow = rn.fit(net, [images], law=Copies(), strict=True)
    for what, width, draw in (("identity", 1, "identity"), ("shuffled", 1, "gaussian"), ("doubled", 2, "gaussian")):
        assert distance(net, rainbow.sample([images], width=width, draw=draw, **EXACT), images) < 1e-9, what


def test_draws_of_any_width_are_finite(subject):
    net, images = subject
    rainbow = rn.fit(net, [images])
    for width in (0.5, 1.5, 2, 3):
        assert rainbow.sample([images], width=width)(images).isfinite().all(), width


def test_all_but_the_head_and_the_positions_of_patches_is_drawn(subject):
    net, images = subject
    network = Network(net, images)
    head = sum(p.numel() for p in net.head.parameters())
    assert network.kept_by == ()
    assert network.share_drawn == pytest.approx(1 - head / sum(p.numel() for p in net.parameters()))


def test_scores_of_wide_draws_are_the_trained_ones_on_average(subject):
    net, images = subject
    rainbow = rn.fit(net, [images], law=rn.Gaussian(mean=False))
    tokens = torch.randn(6, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def scores(module: VisionTransformer) -> torch.Tensor:
        attention = module.get_submodule("blocks.1.attention")
        q, k = (layer(tokens).unflatten(1, (4, -1)).transpose(0, 1) for layer in (attention.query, attention.key))
        return q @ k.transpose(1, 2) * 8**-0.5 * 8 / q.shape[-1]

    layer = "blocks.1.attention.query"
    options = {"width": {layer: 32}, "layers": [layer], "draw": "gaussian", **EXACT}
    drawn = torch.stack([scores(rainbow.sample([images], seed=seed, **options)) for seed in range(12)])
    off = (drawn.mean(0) - scores(net)) / (drawn.std(0) / 12**0.5)
    assert off.abs().mean() < 1.2
    assert (drawn.mean(0) - scores(net)).norm() < 0.1 * scores(net).norm()


def test_twice_the_width_doubles_stream_heads_and_hidden_neurons():
    one, two = (build("vit", width=width) for width in (1.0, 2.0))
    assert two.positions.shape == (1, 64, 192)
    assert [layer.out_features for layer in (one.blocks[0].mlp[0], two.blocks[0].mlp[0])] == [192, 384]
    assert two.blocks[0].attention.heads == one.blocks[0].attention.heads


def test_a_drawn_stream_and_drawn_heads_do_what_the_trained_ones_do(subject):
    net, images = subject
    rainbow = rn.fit(folded_gains(Network(net, images)).root, [images])
    network = rainbow.network
    for names in (network.normed, {name for name in network.summed if name in rainbow.laws}):
        layers = sorted({name.partition("#")[0] for name in names})
        for width in (1, 2):
            drawn = rainbow.sample([images], layers=layers, width=width, seed=3, **EXACT)
            assert distance(net, drawn, images) < 1e-7, (layers, width)
