"""Rules: each one agrees, disagrees and cannot tell where it should, and every rule of the registry is tried."""

import pytest

from experiments.cases import CASES
from rainbownet.experiments import FIGURES, Verdict

RULES = {(figure.name, rule.name): rule for figure in FIGURES.values() for rule in figure.rules}


def test_every_rule_has_tables_for_every_verdict():
    assert set(CASES) == set(RULES)
    verdicts = {verdict.value for verdict in Verdict}
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
