"""Descriptions agree with the networks and files they describe."""

import math

import pytest
import torch
from torch import nn

import rainbownet as rn
from cases import CASES
from rainbownet.graph import Network
from rainbownet.rainbow.describe import describe, describe_rainbow, heads, norms, weight_bytes

NAMES = ["conv_biases", "norm_first", "resnet", "resnet_option_a", "complex", "shuffle"]


def network(name: str) -> Network:
    return Network(CASES[name].network(), CASES[name].images(2))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_belongs_to_a_neuron_or_is_kept(name):
    net = network(name)
    table = describe(net, fold=False)
    total = sum(
        value.numel() * (2 if value.is_complex() else 1)
        for key, value in net.parameters.items()
        if key not in net.kept and not net.is_statistic(key)
    )
    assert (table["neurons"] * table["numbers"]).sum() == total


def test_a_network_and_its_rainbow_are_described_by_the_same_numbers(case):
    net, images = case.network(), case.images()
    for how in ("folded", "explicit"):
        rainbow = rn.fit(net, [images], norms=how)
        table = describe(Network(net, images), fold=how == "folded").query("not frozen")
        fitted = describe_rainbow(rainbow)
        pairs = zip(table["population"], table["numbers"], strict=True)
        assert dict(pairs) == dict(zip(fitted["population"], fitted["numbers"], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_that_reads_drawn_neurons_is_some_populations_reader(name):
    net = network(name)
    drawn = describe(net).query("not frozen")
    found = {reader for readers in drawn["readers"] for reader in readers}
    assert found == {reader.parameter for reader in net.readers if not reader.frozen}


def test_the_shortcut_of_a_stage_writes_the_stream_it_ends_in():
    table = describe(network("resnet"))
    assert max(len(writers) for writers in table["writers"]) > 1


def test_the_last_layer_is_the_head_unless_told_otherwise():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    assert heads(Network(net, torch.zeros(2, 4))) == ["4"]
    assert heads(Network(net, torch.zeros(2, 4), head=["2"])) == ["2", "4"]


def test_what_is_kept_for_want_of_a_rule_is_no_head():
    class Cumulated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.kept, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.kept(self.first(x).relu()).cumsum(1))

    assert heads(Network(Cumulated(), torch.zeros(2, 4))) == ["head"]


def test_norms_after_a_layer_fold_and_others_do_not():
    first, last = network("norm_first"), network("norm_last")
    assert norms(first, fold=True)["folded"].all()
    assert not norms(first, fold=False)["folded"].any()
    assert not norms(last, fold=True)["folded"].any()
    assert list(norms(network("conv_biases"), fold=True).columns) == ["norm", "channels", "after", "folded"]


@pytest.mark.filterwarnings("ignore:law:rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize("law", [rn.Gaussian(), rn.Gaussian(rank=3), rn.Smoothed(0.5)])
def test_laws_take_the_bytes_they_say(law, tmp_path):
    case = CASES["conv_biases"]
    rainbow = rn.fit(case.network(), [case.images(16)], law=law)
    table = describe_rainbow(rainbow)
    size = rainbow.save(tmp_path / "a.rainbow")
    kept = weight_bytes(rainbow.network) - sum(4 * math.prod((row.neurons, row.numbers)) for row in table.itertuples())
    assert size - table["bytes"].sum() - kept in range(100, 12_000)
    assert (table["rank"] <= table[["neurons", "numbers"]].min(axis=1)).all()
