"""The reference is the trained network, whatever its laws keep of it; samples are aligned to it."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

import rainbownet as rn
from rainbownet import data, nets, training
from rainbownet.errors import RainbowWarning
from rainbownet.files.tensors import read_tensors
from rainbownet.laws import Law

SPIKED = rn.Gaussian(shrinkage="spiked")
BULK = rn.Gaussian(shrinkage="spiked", bulk=True)
CUTS = (SPIKED, BULK, rn.Gaussian(rank=3))
KEPT = (rn.Gaussian(), rn.White(), rn.Smoothed(h=0.5))


@pytest.fixture(scope="module")
def digits() -> tuple[data.Images, data.Images]:
    return data.load("digits", split="train"), data.load("digits", split="test")


@pytest.fixture(scope="module", params=["digits_cnn", "digits_mlp"])
def trained(request: pytest.FixtureRequest, digits: tuple[data.Images, data.Images]) -> nn.Module:
    return training.train(nets.build(request.param), digits[0], recipe="digits", seed=0, progress=False).network


def cut(net: nn.Module, images: data.Images, law: Law) -> rn.Rainbow:
    with pytest.warns(RainbowWarning):
        return rn.fit(net, images, law=law)


@pytest.mark.parametrize("law", CUTS, ids=repr)
def test_the_reference_is_unchanged_by_what_its_laws_keep(
    trained: nn.Module, digits: tuple[data.Images, data.Images], law: Law
) -> None:
    inputs = digits[1].inputs[:64]
    expected = trained.eval()(inputs)
    rainbow = cut(copy.deepcopy(trained), digits[0], law)
    found = rainbow.reference(inputs)
    assert (found - expected).norm() < 1e-5 * expected.norm()


def test_a_law_says_by_how_much_it_would_change_the_outputs(
    trained: nn.Module, digits: tuple[data.Images, data.Images]
) -> None:
    with pytest.warns(RainbowWarning, match=r"Gaussian\(.*rank=1.* the outputs on the example would change by") as said:
        rainbow = rn.fit(trained, digits[0], law=rn.Gaussian(rank=1))
    change = rainbow.provenance["law_change"]
    assert 0.1 < change < 10
    assert any(f"{100 * change:.3g} %" in str(one.message) for one in said)


@pytest.mark.parametrize("law", KEPT, ids=repr)
def test_a_law_that_keeps_the_neurons_says_nothing(
    trained: nn.Module, digits: tuple[data.Images, data.Images], law: Law
) -> None:
    assert "law_change" not in rn.fit(trained, digits[0], law=law).provenance


def test_a_file_keeps_the_reference_beside_a_law_that_does_not(
    trained: nn.Module, digits: tuple[data.Images, data.Images], tmp_path: Path
) -> None:
    rainbow = cut(trained, digits[0], BULK)
    rainbow.save(tmp_path / "a.rainbow")
    again = rn.load(tmp_path / "a.rainbow")
    inputs = digits[1].inputs[:64]
    torch.testing.assert_close(again.reference(inputs), rainbow.reference(inputs), rtol=1e-5, atol=1e-5)
    tensors, strings = read_tensors(tmp_path / "a.rainbow", "rainbow file")
    assert any(name.startswith("rows/") for name in tensors)
    assert '"format": 2' in strings["rainbownet"]


def test_a_file_of_laws_that_keep_the_neurons_holds_them_once(
    trained: nn.Module, digits: tuple[data.Images, data.Images], tmp_path: Path
) -> None:
    rn.fit(trained, digits[0]).save(tmp_path / "a.rainbow")
    tensors, strings = read_tensors(tmp_path / "a.rainbow", "rainbow file")
    assert not any(name.startswith("rows/") for name in tensors)
    assert '"format": 1' in strings["rainbownet"]


def test_samples_of_spiked_laws_with_their_noise_are_beside_those_of_full_rank(
    trained: nn.Module, digits: tuple[data.Images, data.Images]
) -> None:
    train, test = digits
    full = rn.fit(trained, train).sample(train, width=4)
    spiked = cut(trained, train, BULK).sample(train, width=4)
    accuracy, beside = (training.evaluate(net, test).accuracy for net in (spiked, full))
    assert accuracy > beside - 0.05


@pytest.mark.parametrize("law", CUTS, ids=repr)
def test_no_population_is_emptied(trained: nn.Module, digits: tuple[data.Images, data.Images], law: Law) -> None:
    drawn = cut(trained, digits[0], law).draw(digits[0])
    assert all(bool((rows.square().sum(1) > 0).all()) for rows, _ in drawn.rows.values())
