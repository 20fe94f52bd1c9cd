"""Networks trained as one are the networks trained one by one."""

from pathlib import Path

import pytest
import torch

from rainbownet.data import load
from rainbownet.ensemble import train_jointly
from rainbownet.errors import ArchitectureError, DataError
from rainbownet.naming import resolve_network
from rainbownet.training import Recipe, train


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def tiny(**kwargs) -> torch.nn.Module:
    return resolve_network("members:tiny", kwargs)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_members_take_the_steps_they_would_take_alone(norm, smoothing):
    recipe = Recipe(
        epochs=2,
        lr=0.05,
        schedule="onecycle",
        weight_decay=1e-3,
        batch_size=64,
        augment="flip",
        label_smoothing=smoothing,
    )
    images, seeds = load("digits", limit=200), (3, 5, 8)
    alone = [train(tiny(seed=s, norm=norm), images, recipe=recipe, seed=s, progress=False) for s in seeds]
    nets = [tiny(seed=s, norm=norm) for s in seeds]
    rows = train_jointly(nets, images, recipe=recipe, seeds=seeds)
    for history, net, mine in zip(alone, nets, rows, strict=True):
        for (key, a), b in zip(history.network.state_dict().items(), net.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=key)
        assert [row["loss"] for row in mine] == pytest.approx([row["loss"] for row in history.rows[1:]], rel=1e-5)
        assert [row["accuracy"] for row in mine] == [row["accuracy"] for row in history.rows[1:]]


def test_frozen_parameters_stay():
    nets = [tiny(seed=s) for s in (0, 1)]
    for net in nets:
        net[1].weight.requires_grad_(False)
    before = [net[1].weight.clone() for net in nets]
    train_jointly(nets, load("digits", limit=100), recipe=Recipe(epochs=1, lr=0.1), seeds=(0, 1))
    assert all(torch.equal(net[1].weight, weight) for net, weight in zip(nets, before, strict=True))


def test_what_cannot_be_stacked_is_refused():
    images, recipe = load("digits", limit=100), Recipe(epochs=1, lr=0.1)
    with pytest.raises(DataError, match="2 networks and 1 seeds"):
        train_jointly([tiny(), tiny()], images, recipe=recipe, seeds=[0])
    with pytest.raises(ArchitectureError, match="not of one architecture"):
        train_jointly([tiny(), tiny(width=2)], images, recipe=recipe, seeds=[0, 1])
