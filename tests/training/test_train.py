"""Training: what it learns, what it repeats exactly, what it leaves alone and what it refuses."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from rainbownet.data import Images, load, loader
from rainbownet.errors import ArchitectureError, DataError, RainbowError
from rainbownet.training import RECIPES, Recipe, evaluate, train


def network(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10)
        )


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture(scope="module")
def digits() -> Images:
    return load("digits", limit=300)


SHORT = Recipe(epochs=3, lr=0.05, batch_size=64)


def test_the_digits_recipe_reads_digits():
    net, test = network(), load("digits", split="test")
    history = train(net, load("digits"), recipe="digits", test=test, progress=False)
    assert history.network is net
    assert history.rows[-1]["test_accuracy"] == evaluate(net, test).accuracy > 0.95
    assert history.table["loss"].iloc[-1] < 0.1
    assert history.rows[0].keys() == {"epoch", "test_loss", "test_accuracy", "seconds"}


@pytest.mark.parametrize(
    ("name", "lr", "plain_optimizer"),
    [
        ("sgd", 0.1, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3)),
        ("adamw", 0.01, lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=1e-3)),
    ],
)
def test_one_step_is_that_of_a_plain_loop(digits, name, lr, plain_optimizer):
    recipe = Recipe(epochs=2, lr=lr, schedule="step", decay_every=1, weight_decay=1e-3, batch_size=64, optimizer=name)
    trained, plain = network(), network()
    train(trained, digits, recipe=recipe, seed=4, progress=False)
    optimizer = plain_optimizer(plain.parameters())
    batches = loader(digits, batch_size=64, shuffle=True, seed=4)
    for epoch in (1, 2):
        optimizer.param_groups[0]["lr"] = lr * 0.1 ** (epoch - 1)
        for inputs, targets in batches.at(epoch):
            optimizer.zero_grad()
            functional.cross_entropy(plain(inputs), targets).backward()
            optimizer.step()
    for a, b in zip(trained.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_seed_decides_everything_but_the_initial_weights(digits):
    a, b, c = (train(network(dropout=0.5), digits, recipe=SHORT, seed=s, progress=False).network for s in (1, 1, 2))
    assert same(a, b)
    assert not same(a, c)


def test_the_global_random_state_is_given_back(digits):
    state = torch.random.get_rng_state()
    train(network(dropout=0.5), digits, recipe=SHORT, progress=False)
    assert torch.equal(state, torch.random.get_rng_state())


def test_frozen_parameters_stay(digits):
    net = network()
    net[1].weight.requires_grad_(False)
    before = net[1].weight.clone()
    train(net, digits, recipe=SHORT, progress=False)
    assert torch.equal(net[1].weight, before)
    assert not same(net, network())


def test_without_a_directory_nothing_is_written(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(network(), digits, recipe=SHORT, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes", [{"precision": "bf16"}, {"channels_last": True}, {"label_smoothing": 0.1}, {"augment": "flip"}]
)
def test_every_option_trains_a_convolutional_network(digits, changes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10)
        )
    recipe = replace(SHORT, epochs=8, lr=0.2, **changes)
    losses = [row["loss"] for row in train(net, digits, recipe=recipe, progress=False).rows[1:]]
    assert losses[-1] < losses[0] - 0.3


def test_complex_parameters_train(digits):
    class Modulus(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            generator = torch.Generator().manual_seed(0)
            self.weight = nn.Parameter(0.1 * torch.randn(64, 40, dtype=torch.complex64, generator=generator))
            self.head = nn.Linear(40, 10, bias=False)

        def forward(self, x):
            return self.head((x.flatten(1).to(torch.complex64) @ self.weight).abs())

    assert train(Modulus(), digits, recipe=replace(SHORT, epochs=10), progress=False).rows[-1]["accuracy"] > 0.5


def test_the_networks_modes_survive_an_evaluation(digits):
    net = network()
    net[2].eval()
    modes = [module.training for module in net.modules()]
    evaluate(net, digits)
    assert [module.training for module in net.modules()] == modes


def test_a_score_does_not_depend_on_the_batches(digits):
    net = network()
    one, many = evaluate(net, digits), evaluate(net, loader(digits, batch_size=7))
    assert one.accuracy == many.accuracy
    assert one.loss == pytest.approx(many.loss, rel=1e-6)
    logits = net.eval()(digits.inputs)
    assert one.loss == pytest.approx(functional.cross_entropy(logits, digits.targets).item(), rel=1e-5)
    assert one.accuracy == pytest.approx((logits.argmax(1) == digits.targets).double().mean().item())


def test_schedules_run_between_their_ends():
    cycle = Recipe(epochs=10, lr=0.5, schedule="onecycle")
    assert cycle.rate(0) == pytest.approx(0.02)
    assert cycle.rate(3) == pytest.approx(0.5)
    assert cycle.rate(10) == pytest.approx(2e-6)
    assert cycle.rate(6.5) == pytest.approx(0.25, rel=1e-3)
    paper = RECIPES["paper"]
    assert [paper.rate(epoch) for epoch in (0, 49.99, 50, 100)] == pytest.approx([0.01, 0.01, 0.001, 0.0001])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "epochs is -1"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"momentum": 1.0}, "momentum is 1.0; it must be at least 0 and below 1"),
        ({"augment": "blur"}, "augment is 'blur'; it can be None, 'flip', 'cifar'"),
    ],
)
def test_impossible_recipes_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        replace(SHORT, **changes)


def test_an_unknown_recipe_is_refused(digits):
    with pytest.raises(DataError, match=r"'paper'.*'tutorial'"):
        train(network(), digits, recipe="slow", progress=False)


def test_a_network_without_parameters_is_refused(digits):
    with pytest.raises(ArchitectureError, match="nothing can be trained"):
        train(nn.Flatten(), digits, recipe=SHORT, progress=False)


def test_a_diverging_loss_is_an_error(digits):
    with pytest.raises(RainbowError, match=r"loss is (nan|inf).* learning rate below 1e\+30"):
        train(network(), digits, recipe=replace(SHORT, lr=1e30), progress=False)


def test_an_empty_evaluation_is_refused():
    with pytest.raises(DataError, match="loader is empty"):
        evaluate(network(), [])


def test_batches_without_targets_are_refused(digits):
    with pytest.raises(DataError, match="yields a Tensor"):
        evaluate(network(), [digits.inputs])
