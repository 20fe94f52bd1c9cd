"""Populations found by arrays are those that a loop over neurons finds."""

import numpy as np
import torch
from torch import nn

from rainbownet.graph.network import Network
from rainbownet.graph.population import find_populations
from rainbownet.graph.propagate import apply_rules


def grouped_one_by_one(parameters, solved):
    """The textbook version: each neuron's slots as a dictionary, neurons of equal slots and marks together."""
    entries = {}
    for name, parameter in parameters.items():
        drawn = [a for a, ids in parameter.index.items() if not solved.frozen[solved.neuron[ids]].all()]
        if axes := drawn or list(parameter.index):
            for i, root in enumerate(solved.neuron[parameter.index[axes[0]]].tolist()):
                entries.setdefault(root, {}).setdefault(name, []).append(i)
    groups = {}
    for root, slots in entries.items():
        shape = tuple((name, len(indices)) for name, indices in slots.items())
        marks = tuple(sorted(map(repr, solved.marks[solved.group[root]])))
        groups.setdefault((shape, marks, bool(solved.frozen[root])), []).append((root, slots))
    return groups


def test_populations_are_those_of_a_loop_over_neurons(case):
    net = Network(case.network(), case.images(4))
    channels = apply_rules(net.traced, net.example)
    solved = channels.ties.solve()
    populations, owners = find_populations(channels.parameters, solved)
    expected = grouped_one_by_one(channels.parameters, solved)
    assert [p.key for p in populations] == list(expected)
    for position, (population, members) in enumerate(zip(populations, expected.values(), strict=True)):
        for name, slots in population.slots.items():
            assert slots.tolist() == [own[name] for _, own in members]
        roots = [root for root, _ in members]
        assert (owners.population[roots] == position).all()
        assert owners.number[roots].tolist() == list(range(len(members)))


def test_a_reader_reads_the_neurons_that_wrote_its_channels():
    net = Network(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), torch.zeros(2, 4))
    first, second = net.readers
    assert net.neurons_read(first) == []
    assert net.neurons_read(second) == [("0", 0), ("0", 1), ("0", 2)]
    assert net.readers_of(net.populations[0]) == [second]
    assert net.readers_of(net.populations[1]) == []


def test_neurons_that_own_nothing_have_no_owner():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ZeroPad2d(1), nn.Flatten(), nn.Linear(18, 2))
    channels = apply_rules(Network(net, torch.zeros(2, 1, 1, 1)).traced, torch.zeros(2, 1, 1, 1))
    extra = channels.ties.fresh(2)
    solved = channels.ties.solve()
    _, owners = find_populations(channels.parameters, solved)
    assert (owners.population[solved.neuron[extra]] == -1).all()
    assert np.unique(owners.population).tolist() == [-1, 0, 1]
