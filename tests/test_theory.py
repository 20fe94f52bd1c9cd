"""What docstrings cite is on the theory page: its sections, and the equation numbers of the papers."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THEORY = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
FILES = [
    *sorted((ROOT / "src").rglob("*.py")),
    *sorted((ROOT / "benchmarks").glob("*.py")),
    ROOT / "docs" / "glossary.md",
]


def numbers(text: str) -> set[str]:
    """Return equation numbers such as R7, those within a range such as R12–R15 too."""
    found = set(re.findall(r"\b[RU]\d+\b", text))
    for kind, first, last in re.findall(r"\b([RU])(\d+)[–-]\1(\d+)\b", text):
        found |= {f"{kind}{number}" for number in range(int(first), int(last) + 1)}
    return found


def sections(text: str) -> set[str]:
    return set(re.findall(r"\btheory, (\d+)", text))


CITING = [file for file in FILES if numbers(file.read_text("utf-8")) or sections(file.read_text("utf-8"))]


@pytest.mark.parametrize("file", CITING, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_equations_and_sections_that_are_cited_are_on_the_theory_page(file):
    text = file.read_text(encoding="utf-8")
    assert numbers(text) <= numbers(THEORY)
    assert sections(text) <= set(re.findall(r"^## (\d+)\.", THEORY, re.MULTILINE))


def test_docstrings_cite_nothing_else_by_number():
    elsewhere = re.compile(r"\b(reference|design|issue), \d|R\d+; \d")
    assert not [file for file in FILES if elsewhere.search(file.read_text("utf-8"))]


def test_what_is_not_there_would_be_seen():
    assert numbers("(R12–R14; U3)") == {"R12", "R13", "R14", "U3"}
    assert not numbers("(R99)") <= numbers(THEORY)
    assert sections("(theory, 99)") == {"99"}
