"""Neurons as rows: gathered and scattered without loss, norms folded without changing the function."""

import pytest
import torch

from cases import CASES, TOLERANCE, distance
from rainbownet.graph import Network
from rainbownet.rainbow.neurons import gather, parameters_of, scatter


def test_scattering_what_was_gathered_restores_every_parameter(case):
    net = Network(case.network(), case.images(4))
    parameters = parameters_of(net, fold=False)
    targets = {name: torch.full_like(value, 7) for name, value in parameters.values.items()}
    for population in net.populations:
        rows, blocks = gather(population, parameters.values, list(population.slots))
        assert rows.shape == (len(population), sum(block.size for block in blocks))
        assert rows.dtype is torch.float64
        scatter(population, rows, blocks, targets)
    for name, value in parameters.values.items():
        if name not in net.kept:
            assert torch.equal(targets[name], value), name


@pytest.mark.parametrize("name", ["norm_first", "resnet", "resnet_option_a", "separable", "conv1d", "shuffle"])
def test_folded_norms_compute_the_same(name):
    case = CASES[name]
    net = Network(case.network(), case.images(4))
    parameters = parameters_of(net, fold=True)
    assert parameters.folded
    folded = case.network()
    state = {key: value.clone() for key, value in parameters.values.items() if key not in net.derived}
    for key, value in parameters.fixed.items():
        state[key] = torch.full_like(state[key], value)
    folded.load_state_dict(state)
    assert distance(case.network(), folded, case.images()) < TOLERANCE
    for norm in parameters.folded:
        assert (state[f"{norm.name}.running_mean"] == 0).all()


def test_only_norms_right_after_one_layer_are_folded():
    folded = {
        name: [n.name for n in parameters_of(Network(CASES[name].network(), CASES[name].images(4)), fold=True).folded]
        for name in ("norm_first", "norm_first_plain", "norm_first_untracked", "norm_last", "preactivation", "dense")
    }
    assert folded["norm_first"] == ["1", "4"]
    assert folded["norm_first_plain"] == folded["norm_first_untracked"] == folded["norm_last"] == folded["dense"] == []
    assert folded["preactivation"] == ["1.bn2", "2.bn2", "3.bn2"]


def test_folding_leaves_the_network_as_it_was():
    case = CASES["norm_first"]
    net = Network(case.network(), case.images(4))
    before = {name: value.clone() for name, value in net.parameters.items()}
    parameters_of(net, fold=True)
    assert all(torch.equal(value, before[name]) for name, value in net.parameters.items())


def test_rows_of_a_neuron_are_its_weights_bias_and_norm():
    case = CASES["norm_first"]
    net = Network(case.network(), case.images(4))
    parameters = parameters_of(net, fold=False)
    population = next(p for p in net.populations if p.name == "3")
    names = parameters.drawn(net, population)
    assert names == ["3.weight", "3.bias", "4.weight", "4.bias"]
    rows, blocks = gather(population, parameters.values, names)
    assert [block.shape for block in blocks] == [(8, 3, 3), (), (), ()]
    values = parameters.values
    expected = torch.cat([values["3.weight"][5].ravel(), *(values[n][5:6] for n in names[1:])])
    assert torch.equal(rows[5].float(), expected)
    assert parameters_of(net, fold=True).drawn(net, population) == ["3.weight", "4.bias"]


def test_complex_parameters_are_pairs_of_columns():
    case = CASES["complex"]
    net = Network(case.network(), case.images(4))
    population = next(p for p in net.populations if p.name == "first")
    rows, blocks = gather(population, parameters_of(net, fold=True).values, ["first.weight", "first.bias"])
    assert [block.shape for block in blocks] == [(12, 2), (2,)]
    assert rows.shape == (16, 26)
