"""Scattering networks through the rainbow: identity draws, widths, complex statistics, several networks, files."""

import copy
from functools import cache

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from rainbownet.errors import UnsupportedOp
from rainbownet.nets import build
from rainbownet.nets.scattering import scattering

VARIANTS = {
    "real": {},
    "normalized": {"normalize": True},
    "skip": {"skip": True, "normalize": True},
    "complex": {"skip": True, "complex_weights": True, "classifier_affine": True},
}
HEADS = ["block3", "classifier.linear"]


@cache
def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    # Smooth images: white noise has hardly any energy at low frequencies of coarse scales.
    noise = torch.randn(96, 3, 8, 8, generator=generator)
    return list((noise + 2 * noise.mean((2, 3), keepdim=True)).split(32))


@cache
def trained(variant: str, seed: int = 1) -> nn.Module:
    """A network with statistics of its own, as training leaves them."""
    net = with_statistics(scattering([6, 8, 7], ["half_a", "half_b", "half_a"], size=8, seed=seed, **VARIANTS[variant]))
    return net.requires_grad_(False)


def with_statistics(net: nn.Module) -> nn.Module:
    net.train()
    with torch.no_grad():
        for _ in range(40):
            for batch in images():
                net(batch)
    return net.eval()


def logits(net: nn.Module) -> Tensor:
    with torch.no_grad():
        return torch.cat([net(batch) for batch in images()])


def distance(a: nn.Module, b: nn.Module) -> float:
    return float((logits(a) - logits(b)).norm() / logits(b).norm())


def value_before(net: nn.Module, layer: str) -> Tensor:
    """What a layer is given, over all images, channels last."""
    seen = []
    handle = dict(net.named_modules())[layer].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    logits(net)
    handle.remove()
    return torch.cat(seen).movedim(1, -1).flatten(0, -2)


@pytest.mark.parametrize("head", ["auto", HEADS], ids=["classifier", "last block"])
@pytest.mark.parametrize("alignment", [rn.Procrustes(), rn.LeastSquares(ridge=0.0)], ids=["rotation", "least squares"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_drawing_the_trained_neurons_gives_the_network_back(variant, alignment, head):
    net = trained(variant)
    rainbow = rn.fit(net, images(), head=head, alignment=alignment, draw="identity")
    assert distance(rainbow.sample(images(), holdout=0.0), net) < 1e-5


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("preset", [rn.PAPER, rn.BEST.but(draw="gaussian")], ids=["paper", "ours"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_samples_of_any_width_are_drawn(variant, preset, width):
    net = trained(variant)
    sample = rn.fit(net, images(), preset=preset, head=HEADS).draw(images(), width=width, seed=3)
    modules = dict(sample.network.named_modules())
    assert [modules[f"block{j}.linear"].weight.shape[0] for j in (1, 2, 3)] == [6 * width, 8 * width, 7]
    assert torch.isfinite(logits(sample.network)).all()
    assert distance(sample.network, net) > 1e-2


@pytest.mark.parametrize("variant", ["real", "skip", "complex"])
def test_statistics_of_a_sample_are_those_of_what_its_norms_are_given(variant):
    sampled = rn.fit(trained(variant), images(), head=HEADS).sample(images(), width=1.5, holdout=0.0)
    for layer, module in sampled.named_modules():
        # The first block sees the same images in every network.
        if not layer.endswith("standardize") or layer.startswith("block1"):
            continue
        values = value_before(sampled, layer)
        values = values.to(torch.complex128 if values.is_complex() else torch.float64)
        mean = values.mean(0)
        variance = (values - mean).abs().square().mean(0)
        assert torch.allclose(module.running_mean.to(values), mean, rtol=1e-4, atol=1e-5 * variance.max().sqrt().item())
        assert torch.allclose(module.running_var.double(), variance, rtol=1e-4, atol=1e-6 * variance.max().item())


@pytest.mark.parametrize("variant", ["real", "skip"])
def test_wide_samples_come_closer_to_the_network_than_narrow_ones(variant):
    rainbow = rn.fit(trained(variant), images(), preset=rn.BEST.but(draw="gaussian"), head=HEADS)
    errors = [rainbow.draw(images(), width=width, seed=0).alignment["error"].iloc[0] for width in (0.5, 8.0)]
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize(("draw", "directions"), [("gaussian", 30), ("antithetic", 15)])
def test_pairs_of_opposite_neurons_give_half_the_features_under_a_modulus(draw, directions):
    rainbow = rn.fit(trained("real"), images(), law=rn.Gaussian(mean=False), draw=draw, head=HEADS)
    values = value_before(rainbow.sample(images(), seed=0), "block2.linear").double()
    assert int(torch.linalg.matrix_rank(values.T @ values, rtol=1e-7)) == directions


def renamed(net: nn.Module, seed: int) -> nn.Module:
    """The same function with the neurons of every block but the last in another order."""
    net = copy.deepcopy(net)
    modules = dict(net.named_modules())
    generator = torch.Generator().manual_seed(seed)
    for j in (1, 2):
        weight, reader = modules[f"block{j}.linear"].weight, modules[f"block{j + 1}.linear"].weight
        order = torch.randperm(len(weight), generator=generator)
        sources = torch.tensor(modules[f"block{j + 1}.wavelets"].channel_sources(len(weight)))
        # Channels of a neuron stand in one order in every network: the k-th one goes to the k-th of another neuron.
        places = [torch.nonzero(sources == neuron).flatten() for neuron in range(len(weight))]
        channels = torch.empty(len(sources), dtype=torch.int64)
        for to, origin in enumerate(order.tolist()):
            channels[places[to]] = places[origin]
        weight.copy_(weight[order])
        reader.copy_(reader[:, channels])
        norm = modules[f"block{j + 1}.standardize"]
        norm.running_mean.copy_(norm.running_mean[channels])
        norm.running_var.copy_(norm.running_var[channels])
    return net


@pytest.mark.parametrize("reference", ["first", "mean"])
@pytest.mark.parametrize("variant", ["real", "skip", "complex"])
def test_networks_that_differ_by_the_order_of_their_neurons_have_the_law_of_one(variant, reference):
    net = trained(variant)
    other = renamed(net, 7)
    assert distance(other, net) < 1e-5
    alone = rn.fit(net, images(), preset=rn.PAPER, head=HEADS)
    both = rn.fit([net, other], images(), preset=rn.PAPER, head=HEADS, reference=reference)
    for name, law in alone.laws.items():
        found, expected = (one.neurons().T @ one.neurons() / len(one.neurons()) for one in (both.laws[name], law))
        assert torch.allclose(found, expected, atol=1e-4 * expected.abs().max().item())
    assert distance(both.reference, net) < 1e-4


@pytest.mark.parametrize("classifier", ["ridge", "logistic"])
def test_the_classifier_of_a_sample_is_retrained(classifier):
    labelled = [(batch, (batch.mean((1, 2, 3)) > 0).long()) for batch in images()]
    rainbow = rn.fit(trained("skip"), labelled, preset=rn.PAPER, head=HEADS)
    sampled = rainbow.sample(labelled, classifier=classifier, seed=0)
    right = torch.cat([sampled(x).argmax(1) == y for x, y in labelled])
    assert right.double().mean() > 0.9


@pytest.mark.parametrize("skip", [False, True], ids=["real", "skip"])
def test_a_saved_rainbow_draws_what_the_original_draws(tmp_path, skip):
    arguments = {"width": 1 / 16, "blocks": 3, "size": 8, "skip": skip}
    net = with_statistics(build("cifar_scattering", **arguments))
    rainbow = rn.fit(net, images(), preset=rn.PAPER, head=HEADS)
    path = tmp_path / "net.rainbow"
    rainbow.save(path, architecture="cifar_scattering", kwargs=arguments)
    loaded = rn.load(path)
    assert distance(loaded.reference, net) < 1e-6
    samples = [one.sample(images(), width=1.0, seed=5) for one in (rainbow, loaded)]
    assert distance(*samples) < 1e-4


def test_saving_without_an_architecture_says_what_is_needed(tmp_path):
    rainbow = rn.fit(trained("real"), images())
    with pytest.raises(UnsupportedOp, match="architecture="):
        rainbow.save(tmp_path / "net.rainbow")
