"""The page of results: made of the JSON files alone, a section per file of `benchmarks/sections`."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("sections")


def test_the_page_is_what_the_results_give(pages):
    assert (ROOT / "docs" / "results.md").read_text() == pages.page(BENCHMARKS / "results"), (
        "python benchmarks/report.py"
    )


def test_a_file_of_results_has_one_section(pages):
    names = [name for section in pages.sections() for name in section.titles]
    assert len(names) == len(set(names))


def test_places_on_the_page_differ(pages):
    places = [section.place for section in pages.sections()]
    assert places == sorted(set(places))


def test_a_section_is_one_file(pages, tmp_path, monkeypatch):
    (tmp_path / "added.py").write_text(
        "from sections import Section\nSECTION = Section(35, {'added.json': 'Added'}, lambda result: result['said'])\n"
    )
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    result = {"said": "This.", "command": "python benchmarks/added.py", "machine": {"cores": 2}}
    (tmp_path / "added.json").write_text(json.dumps(result))
    assert pages.page(tmp_path).endswith("## Added\n\n`python benchmarks/added.py` (cores 2)\n\nThis.\n")
