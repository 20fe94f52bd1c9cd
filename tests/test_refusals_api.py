"""Bad calls of the public API: each is refused by an error of the library, in one line that names the argument."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rainbownet

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes() -> list[dict]:
    """Run the table where no hook of the tests checks annotations before the library does."""
    paths = [str(Path(rainbownet.__file__).parents[1]), str(HERE)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "refusals"]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def said(outcome: dict) -> str:
    return f"{outcome['call']} -> {outcome['error']}: {outcome['message']}"


def test_the_table_is_long(outcomes):
    assert len(outcomes) > 350


def test_every_bad_call_is_refused_by_an_error_of_the_library(outcomes):
    assert [said(outcome) for outcome in outcomes if not outcome["ours"]] == []


def test_every_refusal_is_one_line(outcomes):
    assert [said(outcome) for outcome in outcomes if "\n" in outcome["message"] or len(outcome["message"]) > 400] == []


def test_every_refusal_names_the_argument(outcomes):
    unnamed = [o for o in outcomes if not any(word in o["message"] for word in o["words"].split("|"))]
    assert [said(outcome) for outcome in unnamed] == []
