"""Networks that figures share: one list, trained without a figure, and nothing left for the figures to train."""

from dataclasses import replace

import pytest

from cli.commands import refused
from rainbownet.errors import RainbowError
from rainbownet.experiments.family import family, share_of
from rainbownet.experiments.scales import SCALES, kept

SMALL = SCALES["small"]


def test_at_scale_small_all_figures_share_one_recipe():
    wanted = family(SMALL)
    assert {w.recipe for w in wanted} == {SMALL.recipe} == {SMALL.free, kept(SMALL.recipe)}
    assert len({(w.width, w.seed) for w in wanted}) == len(wanted)


def test_a_family_has_as_many_of_each_width_as_the_scale_says():
    seeds = {width: [w.seed for w in family(SMALL) if w.width == width] for width in SMALL.widths}
    assert seeds == {0.125: list(range(8)), 0.25: [0, 1, 2], 0.5: [0, 1, 2], 1.0: [0]}


def test_no_network_is_wanted_twice():
    for scale in SCALES.values():
        wanted = family(scale)
        assert all(w not in wanted[k + 1 :] for k, w in enumerate(wanted))


def test_shares_are_the_whole_each_network_once():
    whole = family(SMALL)
    parts = [whole[first - 1 :: of] for first, of in map(share_of, ("1/3", "2/3", "3/3"))]
    assert sorted(w[:2] for part in parts for w in part) == sorted(w[:2] for w in whole)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/x", "-1/2"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(RainbowError, match="1/2"):
        share_of(text)


def test_the_verb_refuses_what_is_no_share():
    assert "share" in refused("reproduce", "networks", "--share", "2/1")
    assert "networks" in refused("reproduce", "bulk", "--share", "1/2")


def test_a_scale_counts_the_last_width_apart_where_it_says_so():
    assert [len(SMALL.seeds_at(width)) for width in SMALL.widths] == [3, 3, 3, 1]
    assert len(replace(SMALL, reference_seeds=None).seeds_at(SMALL.widths[-1])) == SMALL.width_seeds
    assert "(1 of the last)" in SMALL.words
