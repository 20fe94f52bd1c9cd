"""Rules: each one agrees, disagrees and cannot tell where it should, and every rule of the registry is tried."""

import pytest

from experiments.figure_tables import CASES, SUBJECTS
from experiments.figure_tables.samples import accuracies
from experiments.figure_tables.spectra import STEADY, by_width
from experiments.figure_tables.tables import THREE, Tables
from rainbownet.experiments import FIGURES, Verdict

RULES = {(figure.name, rule.name): rule for figure in FIGURES.values() for rule in figure.rules}


def test_every_rule_has_tables_for_every_verdict():
    assert set(CASES) == set(RULES)
    verdicts = {verdict.value for verdict in Verdict}
    assert len(CASES) == sum(len(subject.CASES) for subject in SUBJECTS)
    assert all(set(tables) == verdicts and all(tables.values()) for tables in CASES.values())


def test_names_of_rules_are_their_own():
    for figure in FIGURES.values():
        names = [rule.name for rule in figure.rules]
        assert len(set(names)) == len(names) > 0


@pytest.mark.parametrize("verdict", [verdict.value for verdict in Verdict])
@pytest.mark.parametrize("key", CASES, ids=":".join)
def test_a_rule_says_what_the_numbers_say(key, verdict):
    for k, tables in enumerate(CASES[key][verdict]):
        claim = RULES[key](tables)
        assert claim.verdict.value == verdict, f"tables {k}: {claim.ours}; {claim.reason}"
        assert claim.reason


def one_of_the_widest(tables: Tables) -> Tables:
    """Return tables whose widest width has one network."""
    return {
        name: table[(table["width"] < table["width"].max()) | (table["seed"] == 0)] for name, table in tables.items()
    }


@pytest.mark.parametrize(
    ("drawn", "verdict"), [((50.0, 60.0, 68.0, 30.0), "agree"), ((60.0, 60.0, 60.0, 80.0), "disagree")]
)
@pytest.mark.parametrize("rule", ["grows", "closes"])
def test_one_network_of_the_widest_is_said_and_does_not_decide(rule, drawn, verdict):
    claim = RULES["resampling", rule](one_of_the_widest(accuracies(drawn, THREE)))
    assert claim.verdict.value == verdict, claim.reason
    assert "beside, at 1 (1 network), " in claim.ours


@pytest.mark.parametrize(
    ("values", "verdict"), [((*STEADY[:3], 0.001), "agree"), ((0.04, 0.02, 0.01, 0.01), "disagree")]
)
def test_wide_spectra_are_judged_on_widths_of_three_networks(values, verdict):
    claim = RULES["activation_spectra", "wide_agree"](one_of_the_widest(by_width(values, THREE)))
    assert claim.verdict.value == verdict, claim.reason
    assert "doubling 0.25" in claim.reason


def test_a_scale_without_resnets_does_not_allow_to_tell_of_them():
    claim = RULES["alignment_error", "resnet"]({})
    assert (claim.verdict, claim.reason) == (Verdict.UNKNOWN, "no ResNet-18 was trained at this scale")
