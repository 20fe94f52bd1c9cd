"""Patterns of families that people use: copies are exact in float64, samples run at any width, little is kept."""

import pytest
import torch

import case_families as families
import rainbownet as rn
from case_laws import Copies
from cases import distance, settled
from rainbownet.graph import Network

pytestmark = pytest.mark.filterwarnings("ignore:.*(kept as trained|computed weights):rainbownet.errors.RainbowWarning")

KEPT = {"TalkingHeads": "mixer.after", "Additive": "mixer.query", "Placed": "mixer.places_mlp.0"}
REASONS = {"TalkingHeads": "(heads)", "Additive": "shrink", "Placed": "input does not change"}
TOKENS = ("Windows", "Cosine", "Tempered", "AcrossChannels", "Recurrent", "Flattened", "Half", *KEPT)
MAPS = ("Unfolded", "Selected", "Radix", "Maxout", "Gated", "Patches", "WeightNormed", "Shuffles", "Grouped", "Folded")


def made(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(48, 3, 8, 8, dtype=torch.float64)
        around = families.Tokens if name in TOKENS else families.Maps
        return settled(around(getattr(families, name)()).double(), images), images


@pytest.mark.parametrize("name", [name for name in (*TOKENS, *MAPS) if name not in ("Recurrent", "Half", *KEPT)])
def test_nothing_is_kept_for_want_of_a_rule(name):
    net, images = made(name)
    assert not Network(net, images, strict=True).kept_by


@pytest.mark.parametrize(("name", "layer"), KEPT.items())
def test_what_depends_on_the_width_or_on_no_input_is_kept_with_its_reason(name, layer):
    network = Network(*made(name))
    frozen = {p.name for p in network.populations if p.frozen}
    assert layer in frozen
    assert any(REASONS[name] in kept.why for kept in network.kept_by)
    assert {"embed", "hidden"}.isdisjoint(frozen)


def test_recurrent_layers_are_kept_and_what_they_read_is_drawn():
    network = Network(*made("Recurrent"))
    assert {kept.node.name for kept in network.kept_by} == {"mixer_rows", "mixer_columns"}
    assert {p.name for p in network.populations if not p.frozen} == {"embed", "hidden"}
    assert {r.layer for r in network.readers if not r.frozen} >= {"mixer.rows", "mixer.columns"}


@pytest.mark.parametrize("name", [*TOKENS, *MAPS])
def test_copies_are_exact_in_double_precision(name):
    net, images = made(name)
    rainbow = rn.fit(net, [images], law=Copies())
    options = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}
    for width, draw in ((1, "identity"), (1, "gaussian"), (2, "gaussian")):
        assert distance(net, rainbow.sample([images], width=width, draw=draw, **options), images) < 1e-9, (width, draw)


@pytest.mark.parametrize("name", [*TOKENS, *MAPS])
def test_samples_of_other_widths_are_finite(name):
    net, images = made(name)
    rainbow = rn.fit(net, [images])
    for width in (0.5, 1.5, 3):
        assert rainbow.sample([images], width=width, holdout=0.0)(images).isfinite().all(), width
