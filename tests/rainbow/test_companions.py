"""Companions of an accuracy: the trained network, the identity baseline, the white control."""

import math

import pytest
import torch
from torch import nn

import rainbownet as rn
from cases import CASES
from rainbownet.errors import DataError, RainbowError, RainbowWarning
from rainbownet.rainbow.companions import companions


def images_and_labels(n: int = 512) -> tuple[torch.Tensor, torch.Tensor]:
    images = CASES["mlp"].images(n)
    return images, CASES["mlp"].network().eval()(images).argmax(1)


def test_baselines_are_those_of_draws_by_hand() -> None:
    images, labels = images_and_labels()
    rainbow = rn.fit(CASES["mlp"].network(), [images])
    table = rainbow.draw([images], width=2, seed=3).baselines([(images, labels)]).set_index("network")
    assert list(table.index) == ["trained", "identity baseline", "sample", "white control"]
    by_hand = {
        "trained": rainbow.reference,
        "identity baseline": rainbow.sample([images], seed=3, draw="identity"),
        "sample": rainbow.sample([images], width=2, seed=3),
        "white control": rainbow.white().sample([images], width=2, seed=3),
    }
    for name, net in by_hand.items():
        right = (net(images).argmax(1) == labels).double().mean().item()
        assert table.loc[name, "accuracy"] == table.loc[name, "agreement"] == pytest.approx(right)


def test_the_identity_baseline_is_of_the_trained_neurons_whatever_the_law_keeps() -> None:
    images, _ = images_and_labels()
    with pytest.warns(RainbowWarning):
        rainbow = rn.fit(CASES["mlp"].network(), [images], law=rn.Gaussian(rank=1))
    drawn = rainbow.draw([images])
    assert drawn.companions is not None
    found, expected = (net(images) for net in (drawn.companions.identity().network, rainbow.reference))
    assert (found - expected).norm() < 1e-2 * expected.norm()


def test_a_starved_perceptron_agrees_with_itself() -> None:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    images = torch.randn(1100, 64, generator=generator)
    few, new = images[:100], images[100:]
    with pytest.warns(RainbowWarning, match="rows to align"):
        drawn = rn.fit(net, [few]).sample([few], draw="identity", alignment=rn.LeastSquares("auto", "auto"))
    agreement = (drawn(new).argmax(1) == net(new).argmax(1)).double().mean().item()
    assert agreement >= 0.95


def test_the_table_of_an_alignment_says_what_was_chosen_and_on_how_many_rows() -> None:
    images, _ = images_and_labels()
    rainbow = rn.fit(CASES["mlp"].network(), [images])
    auto = rainbow.draw([images], alignment=rn.LeastSquares("auto", "auto")).alignment
    assert set(auto["toward"]) <= {"zero", "rotation"}
    assert (auto["ridge"] > 0).all()
    assert (auto["rows"] == 461).all()
    fixed = rainbow.draw([images], alignment=rn.LeastSquares(0.01)).alignment
    assert (fixed["ridge"] == 0.01).all()
    turned = rainbow.draw([images], alignment=rn.Procrustes()).alignment
    assert all(math.isnan(ridge) for ridge in turned["ridge"])


def test_a_loader_that_gives_its_images_once_is_refused() -> None:
    images, labels = images_and_labels(32)
    net = CASES["mlp"].network()
    with pytest.raises(DataError, match=r"empty|gave 32 images"):
        companions({"a": net, "b": net}, iter([(images, labels)]))


def test_a_sample_made_by_hand_has_no_baselines() -> None:
    images, labels = images_and_labels(64)
    drawn = rn.fit(CASES["mlp"].network(), [images]).draw([images])
    alone = rn.Sample(drawn.network, drawn.alignment, drawn.walk, drawn.images, 0, drawn.preset, drawn.rows)
    with pytest.raises(RainbowError, match=r"sample: only one that Rainbow.draw made"):
        alone.baselines([(images, labels)])
