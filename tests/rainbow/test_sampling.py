"""Sampled networks of every case: shapes, cost, reproducibility, memory, statistics of norms."""

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

import rainbownet as rn
from cases import CASES, distance
from rainbownet.errors import ArchitectureError, RainbowWarning
from rainbownet.nets import build

BATCH = 72
"""Enough for ten percent to be held out and one row a channel to be left."""
SOME = pytest.mark.parametrize("name", ["mlp", "norm_last", "norm_last_untracked", "resnet_option_a", "unet", "tokens"])


@pytest.mark.parametrize(
    ("width", "preset"), [(0.5, rn.BEST), (1, rn.PAPER), (2, rn.BEST)], ids=["half best", "paper", "double best"]
)
def test_samples_of_every_width_have_the_outputs_of_the_trained_network(case, width, preset):
    net, images = case.network(), case.images()
    rainbow = rn.fit(net, [images], preset=preset)
    drawn = rainbow.draw([images], width=width)
    values = drawn.network(images)
    assert values.shape == net(images).shape
    assert torch.isfinite(values).all()
    # Eleven symbols are eleven rows, which twice as many channels reproduce to the last digits.
    assert distance(net, drawn.network, images) > 1e-3 or (case.symbols and width > 1)
    assert all(score.score < 0.9999 for score in drawn.copy_scores().values())
    ours = sum(p.numel() for p in drawn.network.parameters())
    trained = sum(p.numel() for p in net.parameters())
    assert (ours > trained) == (width > 1)
    assert drawn.alignment.cosine.between(-1, 1 + 1e-6).all() if preset is rn.BEST else len(drawn.alignment)


def test_the_sampled_network_has_the_class_and_the_names_of_the_trained_one():
    net, images = CASES["resnet"].network(), CASES["resnet"].images()
    drawn = rn.fit(net, [images]).sample([images], width=2)
    assert type(drawn) is type(net)
    assert list(drawn.state_dict()) == list(net.state_dict())
    assert drawn.layer1.conv1.out_channels == 16
    assert drawn.layer1.conv1.weight.shape == (16, 16, 3, 3)
    assert drawn.layer1.bn1.num_features == 16


def test_every_layer_is_evaluated_twice_an_image(case):
    net, images = case.network(), case.images(BATCH)
    rainbow = rn.fit(net, [images])
    counts: dict[str, int] = {}

    def count(module: nn.Module, inputs: tuple, _) -> None:
        # Shapes are found with two inputs; they are not part of the walk.
        if not list(module.children()) and len(inputs[0]) > 2:
            counts[type(module).__name__] = counts.get(type(module).__name__, 0) + len(inputs[0])

    hook = register_module_forward_hook(count)
    try:
        sample = rainbow.draw([images])
    finally:
        hook.remove()
    nodes = [n for n in rainbow.network.traced.graph.nodes if n.op.startswith("call_")]
    called: dict[str, int] = {}
    for node in nodes:
        if node.op == "call_module":
            kind = type(rainbow.network.modules[str(node.target)]).__name__
            called[kind] = called.get(kind, 0) + 2 * BATCH * rainbow.network.shapes[node][0] // 2
    assert counts == called
    assert sample.walk.evaluations == 2 * BATCH * len(nodes)
    assert sample.walk.images == sample.images == BATCH


def test_one_seed_gives_one_network_bit_by_bit(case):
    images = case.images(BATCH)
    rainbow = rn.fit(case.network(), [images])
    state = torch.random.get_rng_state()
    one, same = (rainbow.sample([images], seed=5).state_dict() for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one[name], same[name]) for name in one)


@SOME
def test_another_seed_gives_another_network(name):
    images = CASES[name].images(BATCH)
    rainbow = rn.fit(CASES[name].network(), [images])
    one, other = (rainbow.sample([images], seed=seed).state_dict() for seed in (5, 6))
    for population in rainbow.laws:
        key = f"{population.partition('#')[0]}.weight"
        assert (one[key] - other[key]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        ("mlp", 1),
        ("tokens", 1),
        ("norm_last_untracked", 1),
        ("unet", 1),
        ("norm_last", 100_000),
        ("resnet_option_a", 100_000),
    ],
)
def test_a_budget_too_small_for_a_layer_changes_nothing_but_where_activations_are_held(name, budget):
    case = CASES[name]
    images = case.images(40)
    net, images = case.network().double(), images if case.symbols else images.double()
    rainbow = rn.fit(net, [images])
    free = rainbow.draw([images], width=2)
    tight = rainbow.draw([images], width=2, budget=budget)
    assert distance(free.network, tight.network, images) < 1e-9
    assert free.walk.spilled_bytes == 0 < tight.walk.spilled_bytes
    assert tight.walk.peak_bytes <= budget
    assert tight.walk.evaluations == free.walk.evaluations


@SOME
def test_activations_held_between_stages_stay_within_the_budget_and_use_it(name):
    case = CASES[name]
    images = case.images(40)
    rainbow = rn.fit(case.network(), [images])
    held = rainbow.draw([images]).walk.peak_bytes
    tight = rainbow.draw([images], budget=held // 2).walk
    assert held // 8 < tight.peak_bytes <= held // 2
    assert tight.spilled_bytes > 0


def test_batches_of_the_loader_do_not_matter(case):
    images = case.images(BATCH)
    rainbow = rn.fit(case.network(), [images])
    whole = rainbow.sample([images]).state_dict()
    parts = rainbow.sample([(batch, torch.zeros(len(batch))) for batch in images.split(13)]).state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def _norm_inputs(net: nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    seen = {}
    norms = {n: m for n, m in net.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
    hooks = [
        m.register_forward_pre_hook(lambda _, inputs, n=n: seen.__setitem__(n, inputs[0])) for n, m in norms.items()
    ]
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("norms", ["explicit", "folded"])
@pytest.mark.parametrize("name", ["norm_first", "norm_last", "norm_last_plain", "resnet", "preactivation", "dense"])
def test_norms_hold_the_exact_statistics_of_the_images(name, norms):
    case = CASES[name]
    images = case.images()
    drawn = rn.fit(case.network(), [images], norms=norms).sample(
        images.split(10), width=2, holdout=0.0, budget=1_000_000
    )
    inputs = _norm_inputs(drawn, images)
    assert inputs
    for key, value in inputs.items():
        rows = value.movedim(1, -1).flatten(0, -2).double()
        norm = drawn.get_submodule(key)
        torch.testing.assert_close(norm.running_mean, rows.mean(0).float(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_var, rows.var(0, unbiased=False).float(), rtol=1e-4, atol=1e-6)


def test_norms_without_statistics_still_have_none():
    case = CASES["norm_first_untracked"]
    images = case.images()
    drawn = rn.fit(case.network(), [images]).sample([images])
    assert drawn[1].running_mean is None
    assert drawn[1].running_var is None


def test_held_out_images_are_held_out():
    case = CASES["mlp"]
    images = case.images(100)
    rainbow = rn.fit(case.network(), [images])
    table = rainbow.draw([images], holdout=0.2).alignment
    assert table.held_out.all()
    assert (table.rows == 80).all()
    changed = images.clone()
    changed[4::5] += 1.0  # every fifth image, the ones held out
    same, other = (rainbow.draw([x], holdout=0.2) for x in (images, changed))
    assert distance(same.network, other.network, images) == 0.0
    assert (same.alignment.error != other.alignment.error).all()


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_a_retrained_classifier_learns_the_targets(kind):
    case = CASES["mlp"]
    images = case.images(400)
    net = case.network()
    targets = net(images).argmax(1)
    rainbow = rn.fit(net, [images])
    drawn = rainbow.sample([(images, targets)], width=8, classifier=kind)
    accuracy = (drawn(images).argmax(1) == targets).float().mean().item()
    chance = targets.bincount().max().item() / len(targets)
    assert accuracy > max(0.8, chance + 0.1)


def test_the_white_control_has_the_energy_of_the_law_and_none_of_its_directions():
    case = CASES["norm_first"]
    images = case.images()
    rainbow = rn.fit(case.network(), [images])
    white = rainbow.white()
    for name, law in rainbow.laws.items():
        mine, control = (w.draw(4096, generator=torch.Generator().manual_seed(0)) for w in (law, white.laws[name]))
        torch.testing.assert_close(mine.square().sum(1).mean(), control.square().sum(1).mean(), rtol=0.1, atol=0)
    drawn = white.sample([images], width=2)
    assert torch.isfinite(drawn(images)).all()


def test_widths_for_products_widen_what_is_inside_residual_blocks():
    net = build("cifar_resnet", depth=8, width=0.25)
    x = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    rainbow = rn.fit(net, [x])
    widths = rainbow.product_widths(2, most=6)
    assert {name: widths[name] for name in ("conv1", "layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1")} == {
        "conv1": 2.0, "layer1.0.conv1": 2.0, "layer2.0.conv1": 4.0, "layer3.0.conv1": 6.0,
    }  # fmt: skip
    assert set(widths) == set(rainbow.laws)
    with pytest.warns(RainbowWarning):
        sample = rainbow.sample([x], width=widths)
    assert [sample.get_submodule(f"layer{k}.0.conv1").out_channels for k in (1, 2, 3)] == [8, 32, 96]
    assert sample.conv1.out_channels == 8
    with pytest.raises(ArchitectureError, match="positive"):
        rainbow.product_widths(0)


@pytest.mark.parametrize("width", [0.5, 1, 2])
def test_without_held_out_images_the_error_is_that_on_those_used(width):
    case = CASES["mlp"]
    net, images = case.network(), case.images(400)
    sample = rn.fit(net, [images], preset=rn.PAPER).draw([images], width=width, holdout=0.0)
    row = sample.alignment.iloc[0]
    assert not row["held_out"]
    z, w = net[1](net[0](images)).double(), sample.network[1](sample.network[0](images)).double()
    u, _, v = torch.linalg.svd(z.T @ w, full_matrices=False)
    mapped = (z.norm() / w.norm()) * w @ (u @ v).T
    assert row["error"] == pytest.approx(((mapped - z).norm() / z.norm()).square().item(), rel=1e-3)
    assert row["cosine"] == pytest.approx(((mapped * z).sum() / (mapped.norm() * z.norm())).item(), rel=1e-3)
