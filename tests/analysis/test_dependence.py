"""Dependence between neurons: found where it was planted, and not where neurons were drawn one by one."""

import numpy as np
import pytest
import torch
from torch import Tensor

from rainbownet.analysis.dependence import dependence_across, dependence_within, neuron_dependence
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


def rotations(count: int, d: int) -> list[Tensor]:
    return [torch.linalg.qr(normal(d, d, seed=7 + k)).Q for k in range(count)]


def test_neurons_that_share_a_rotation_are_dependent_until_it_is_taken_away():
    scale = torch.arange(1.0, 13.0, dtype=torch.float64)
    drawn = [normal(60, 12, seed=k) * scale for k in range(4)]
    turned = [rows @ q for rows, q in zip(drawn, rotations(4, 12), strict=True)]
    assert dependence_within(turned).min() > 0.2
    assert dependence_within(drawn).abs().max() < 0.1


def test_excess_within_networks_is_that_of_whitened_cosines():
    rows = [normal(9, 5, seed=k) for k in range(3)]
    stacked = torch.cat(rows).numpy()
    white = stacked @ np.linalg.inv(np.linalg.cholesky(stacked.T @ stacked)).T
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    squares, labels = (white @ white.T) ** 2, np.arange(27) // 9
    same = (labels[:, None] == labels) & ~np.eye(27, dtype=bool)
    for m, excess in enumerate(dependence_within(rows).tolist()):
        own = labels == m
        expected = squares[own][same[own]].mean() / squares[own][:, ~own].mean() - 1
        assert excess == pytest.approx(expected, rel=1e-9)


def test_layers_depend_on_those_before_through_their_basis_alone():
    scale = torch.arange(1.0, 13.0, dtype=torch.float64)
    bases = rotations(4, 12)
    drawn = [normal(60, 12, seed=k) * scale for k in range(4)]
    moment = torch.diag(scale**2)
    own = dependence_across([rows @ q for rows, q in zip(drawn, bases, strict=True)], [q.T @ moment @ q for q in bases])
    assert own.min() > 0.2
    assert dependence_across(drawn, [moment] * 4).abs().max() < 0.15


def test_too_few_networks_or_neurons_are_refused():
    with pytest.raises(RainbowError, match="rows: two networks of two neurons"):
        dependence_within([normal(9, 5)])
    with pytest.raises(RainbowError, match="rows: 8 of 20 columns"):
        dependence_within([normal(4, 20), normal(4, 20, seed=1)])
    with pytest.raises(RainbowError, match="with a moment for each; got 2 and 1"):
        dependence_across([normal(4, 3), normal(4, 3)], [torch.eye(3)])
