"""Ties between channels: components, marks, and axes that are channels times positions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rainbownet.graph.ties import Ties, factor_repeats


def test_channels_that_are_tied_are_one_and_neurons_are_coarser():
    ties = Ties()
    a, b, c = ties.fresh(3), ties.fresh(3), ties.fresh(6)
    ties.tie(a, b)
    ties.link(c, np.repeat(b, 2))
    solved = ties.solve()
    assert (solved.channel[a] == solved.channel[b]).all()
    assert len(set(solved.channel[c])) == 6
    assert (solved.neuron[c] == np.repeat(solved.neuron[a], 2)).all()
    assert not solved.frozen.any()


def test_freezing_and_marks_spread_over_what_is_tied():
    ties = Ties()
    a, b = ties.fresh(2), ties.fresh(2)
    ties.tie(a, b)
    ties.freeze(b[:1])
    ties.tag(a[1:], "group")
    solved = ties.solve()
    assert list(solved.frozen[solved.neuron[a]]) == [True, False]
    assert [solved.marks[solved.group[root]] for root in solved.neuron[b]] == [frozenset(), frozenset({"group"})]


def test_no_channels_have_no_classes():
    solved = Ties().solve()
    assert len(solved.channel) == len(solved.neuron) == len(solved.frozen) == 0


@given(st.integers(2, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=30))
def test_components_are_those_of_a_naive_search(size, pairs):
    pairs = [(a % size, b % size) for a, b in pairs]
    ties = Ties()
    ids = ties.fresh(size)
    for a, b in pairs:
        ties.tie(ids[[a]], ids[[b]])
    label = list(range(size))
    for _ in range(size):
        for a, b in pairs:
            label[a] = label[b] = min(label[a], label[b])
    found = ties.solve().channel
    for i in range(size):
        for j in range(size):
            assert (found[i] == found[j]) == (label[i] == label[j])


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_products_of_channels_and_positions_are_recognised(outer, channels, inner, random):
    names = random.sample(range(100), channels)
    found = factor_repeats(np.array([n for _ in range(outer) for n in names for _ in range(inner)]))
    assert found[0] * len(found[1]) * found[2] == outer * channels * inner
    if channels > 1:
        assert (found[0], list(found[1]), found[2]) == (outer, names, inner)
    else:  # one channel: how its positions are laid out does not matter
        assert list(found[1]) == names


@given(st.lists(st.integers(0, 4), min_size=1, max_size=24))
def test_what_is_recognised_is_the_axis_again(ids):
    outer, channels, inner = factor_repeats(np.array(ids))
    assert np.tile(np.repeat(channels, inner), outer).tolist() == ids
