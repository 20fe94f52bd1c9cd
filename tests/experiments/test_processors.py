"""Verdicts by threads and instructions: the benchmark that compares them, and what the page says of it."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rainbownet

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_verdicts_are_the_same_with_two_threads_and_other_instructions(folder, tmp_path):
    out = tmp_path / "processors.json"
    options = ["--figures", "dynamics", "--images", "120", "--epochs", "2", "--out", str(out)]
    paths = {"RAINBOWNET_DATA": str(folder), "PYTHONPATH": str(Path(rainbownet.__file__).parents[1])}
    command = [sys.executable, str(BENCHMARKS / "processors.py"), *options]
    subprocess.run(command, env={**os.environ, **paths}, check=True, capture_output=True)
    found = json.loads(out.read_text())
    one, two, older = found["settings"]
    assert one["weights"] == two["weights"]
    assert older["apart_by_epoch"]["0"] < 1e-6
    assert older["apart"] < 0.1
    assert len(found["claims"]) == 3
    assert all(len(set(claim["verdicts"])) == 1 for claim in found["claims"])


@pytest.fixture
def said(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    section = importlib.import_module("sections.processors")

    def text(verdicts, weights):
        settings = [
            {"name": name, "instructions": "AVX2", "weights": own, "apart_by_epoch": {"0": 6e-8, "2": 1e-3}}
            for name, own in zip(("one thread", "two threads"), weights, strict=True)
        ]
        claims = [{"figure": "bulk", "rule": "raw", "verdicts": own, "ours": ["1 %", "2 %"]} for own in verdicts]
        return section.processors({"scale": "toy", "settings": settings, "claims": claims})

    return text


def test_verdicts_that_differ_are_not_counted_as_the_same(said):
    text = said([["agree", "agree"], ["agree", "disagree"]], ["a", "a"])
    assert "1 of 2 verdicts of 1 figures are the same" in text
    assert "disagree: 2 %" in text


def test_weights_are_equal_or_said_to_be_apart(said):
    assert "equal bit for bit" in said([["agree", "agree"]], ["a", "a"])
    assert "6e-08 after 0, 1e-03 after 2 epochs" in said([["agree", "agree"]], ["a", "b"])
