"""What the documentation cites as tested is tested, by default: every test named exists and is no extra."""

import re
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[([^\[\]]+)\](?:\(((?:\.\./)?tests/[^)\s]+)\)|\[(\w+)\])")


def cited(page: Path) -> set[tuple[str, str]]:
    """Return file and name of every test that a page links to; the name is `*` where a whole file is meant."""
    text = page.read_text(encoding="utf-8")
    targets = dict(re.findall(r"^\[(\w+)\]:\s*(\S+)$", text, re.MULTILINE))
    found = set()
    for words, inline, label in LINK.findall(text):
        file = (inline or targets.get(label, "")).removeprefix("../")
        if file.startswith("tests/"):
            found |= {(file, name) for name in re.findall(r"`([^`]+)`", words) or ["*"]}
    return found


@cache
def run_by_default() -> dict[str, list[str]]:
    """Return the tests, by file, that `make test` runs wherever the package is installed."""
    files = sorted({file for page in PAGES for file, _ in cited(page)})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not slow and not extra", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        file, _, test = line.partition("::")
        if test:
            found.setdefault(file, []).append(test)
    return found


def stands_for(name: str, test: str) -> bool:
    """Say whether a name in the text is that of a test, or of its parameters."""
    function, _, parameters = test.partition("[")
    return any(fnmatchcase(part, name) for part in (function, *re.split(r"-(?=\w)", parameters.rstrip("]"))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_cited_runs_by_default(page):
    missing = {
        (file, name)
        for file, name in cited(page)
        if not any(stands_for(name, test) for test in run_by_default().get(file, []))
    }
    assert not missing


def test_the_table_of_networks_cites_tests():
    assert len(cited(ROOT / "docs" / "networks.md")) > 30


@pytest.mark.parametrize("name", ["nosuch", "test_nothing"])
def test_a_name_that_is_not_there_would_be_seen(name):
    tests = run_by_default()["tests/rainbow/test_identity.py"]
    assert not any(stands_for(name, test) for test in tests)
