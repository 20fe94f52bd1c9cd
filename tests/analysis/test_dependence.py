"""Dependence between neurons: found where it was planted, and not where neurons were drawn one by one."""

import numpy as np
import pytest
import torch
from torch import Tensor

from rainbownet.analysis.dependence import neuron_dependence
from rainbownet.errors import RainbowError


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def copied(rows: Tensor, noise: float = 0.3) -> Tensor:
    """Return rows of which each second one is near the one before it."""
    rows = rows.clone()
    rows[1::2] = rows[::2] + noise * rows[1::2]
    return rows


LABELS = torch.arange(4).repeat_interleave(40)


def test_copies_are_found_by_every_shuffle():
    rows = copied(normal(160, 20))
    nearest = {
        "columns": neuron_dependence(rows, factor=torch.eye(20)),
        "whiten": neuron_dependence(rows),
        "deal": neuron_dependence(rows, LABELS),
    }
    for table in nearest.values():
        row = table.set_index("statistic").loc["nearest |cosine|"]
        assert row.p == pytest.approx(0.02)
        assert row.z > 5


def test_neurons_of_a_network_that_repel_each_other_are_found():
    rows = normal(4, 40, 30)
    rows[:, 20:] = -rows[:, :20]
    table = neuron_dependence(rows.flatten(0, 1), LABELS).set_index("statistic")
    assert table.loc["mean cosine"].z < -3
    assert table.loc["mean cosine"].p < 0.05


def test_networks_with_directions_of_their_own_are_found():
    rows = normal(4, 40, 30)
    rows += 0.5 * normal(4, 1, 30, seed=1)
    table = neuron_dependence(rows.flatten(0, 1), LABELS).set_index("statistic")
    assert table.loc["mean cosine"].z > 5


@pytest.mark.parametrize("how", ["columns", "whiten", "deal"])
def test_independent_neurons_pass_at_the_level_of_the_test(how):
    mixing = normal(10, 10, seed=5)
    given = {"columns": {"factor": mixing}, "whiten": {}, "deal": {"networks": LABELS[::2]}}[how]
    p = []
    for seed in range(50):
        rows = normal(80, 10, seed=seed) @ mixing
        p += list(neuron_dependence(rows, shuffles=39, seed=seed, **given).p)
    assert np.mean(np.array(p) <= 0.1) < 0.2
    assert np.mean(np.array(p) > 0.5) > 0.3


def test_the_number_of_neurons_compared_is_bounded():
    rows = normal(400, 10)
    few = neuron_dependence(rows, max_neurons=20, shuffles=9)
    assert few.value.iloc[-1] < neuron_dependence(rows, shuffles=9).value.iloc[-1]
    assert few.equals(neuron_dependence(rows, max_neurons=20, shuffles=9))


def test_rows_that_do_not_outnumber_their_directions_are_refused():
    for networks in (None, torch.arange(2).repeat(10)):
        with pytest.raises(RainbowError, match="20 span 20 directions"):
            neuron_dependence(normal(20, 30), networks)
    neuron_dependence(normal(40, 30), torch.arange(2).repeat(20), shuffles=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"networks": torch.zeros(30, dtype=torch.long)}, "all rows are of one network"),
        ({"networks": torch.tensor([0] + [1] * 29)}, "number 0 has one neuron"),
        ({"shuffles": 0}, "shuffles"),
        ({"max_neurons": 1}, "max_neurons"),
    ],
)
def test_inputs_without_meaning_are_refused(given, message):
    with pytest.raises(RainbowError, match=message):
        neuron_dependence(normal(30, 4), **given)


def test_two_neurons_of_a_network_make_a_pair():
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0] + [1] * 38)
    assert len(neuron_dependence(rows, networks=labels, shuffles=9)) > 0
