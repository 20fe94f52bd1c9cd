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


@pytest.fixture
def companions(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("sections.companions")


def test_seeds_have_a_sample_standard_deviation_and_their_number(companions):
    assert companions.over_seeds([1.0, 2.0, 3.0]) == "2.0 ± 1.0 (3)"
    assert companions.over_seeds([1.0]) == "1.0 (1)"
    assert companions.over_seeds([]) == "not measured"


def test_what_is_not_there_is_said_to_be_not_measured(companions):
    said = companions.companions({"white control": "in the table", "copy score": None})
    assert said == "Beside the samples: white control in the table; copy score not measured."


def test_few_rows_per_channel_are_warned_of(companions):
    assert companions.rows_per_channel([23.0, None]) == "23 at least"
    assert "few" in companions.rows_per_channel([23.0, 4.0])
    assert companions.rows_per_channel([None]) is None


@pytest.mark.parametrize(
    ("law", "control", "nothing"),
    [
        ([40.0], [40.0], True),
        ([44.0], [40.0], True),
        ([50.0], [40.0], False),
        ([50.0, 40.0, 60.0], [40.0, 50.0, 30.0], True),
        ([50.0, 50.5, 49.5], [40.0, 40.5, 39.5], False),
        ([40.0], [], False),
    ],
)
def test_a_law_does_nothing_where_its_control_is_as_good(companions, law, control, nothing):
    assert bool(companions.does_nothing("×1", law, control, 1000)) == nothing


def test_the_page_counts_goals_and_lists_those_not_met(pages):
    goal = {"network": "cnn", "what": "published", "goal": "40 ± 2", "measured": 37.1}
    (said,) = pages.summary([("Tutorial", [goal | {"met": False}, goal | {"met": True}]), ("Other", [])])
    assert said.startswith("Of 2 goals that benchmarks set themselves 1 are met. Not met:")
    assert "| Tutorial | cnn | published | 40 ± 2 | 37.1 |" in said
    assert pages.summary([("Other", [])]) == []
    assert "**not met**" in pages.goals({"goals": [goal | {"met": False}]})[0]


def test_every_table_of_samples_of_the_resnet_names_its_command_and_companions(pages):
    result = json.loads((BENCHMARKS / "results" / "resnet20.json").read_text())
    (section,) = (section for section in pages.sections() if "resnet20.json" in section.titles)
    parts = section.text(result).split("### ")[1:]
    assert len(parts) == len({draw["part"] for draw in result["draws"]})
    for part in parts:
        assert "`python benchmarks/resnet20.py --parts " in part
        assert "identity baseline not measured" in part
        assert "held out" in part


def test_a_section_can_set_goals_that_its_file_does_not_name(pages, tmp_path, monkeypatch):
    (tmp_path / "aimed.py").write_text(
        "from sections import Section, at_least\n"
        "SECTION = Section(35, {'aimed.json': 'Aimed'}, lambda result: 'This.', "
        "lambda result: at_least('net', 'drawn', result['values'], 50.0))\n"
    )
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    result = {"values": [40.0, 50.0], "command": "python benchmarks/aimed.py", "machine": {"cores": 2}}
    (tmp_path / "aimed.json").write_text(json.dumps(result))
    page = pages.page(tmp_path)
    assert "1 goals that benchmarks set themselves 0 are met" in page
    assert page.endswith("| net | drawn | ≥ 50 | 45.0 | **not met** |\n")


@pytest.mark.parametrize(("values", "met"), [([49.0, 51.0], [True]), ([49.0, 50.0], [False]), ([], [])])
def test_a_goal_is_judged_by_the_mean_and_there_is_none_without_values(pages, values, met):
    assert [goal["met"] for goal in pages.at_least("net", "drawn", values, 50.0)] == met


@pytest.mark.parametrize("name", ["starved", "grow", "compression", "vit"])
def test_sections_of_samples_say_what_stands_beside_them(pages, name):
    section = importlib.import_module(f"sections.{name}").SECTION
    for file in section.titles:
        result = json.loads((BENCHMARKS / "results" / file).read_text())
        text = section.text(result)
        assert "Beside the samples: trained network" in text
        assert "published" in text
