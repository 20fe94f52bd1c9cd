"""Figures: every one runs from nothing, and claims say no when numbers do."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cli.commands import numbers, refused, run
from rainbownet.ensemble import read
from rainbownet.experiments import FIGURES, alignment_error, bulk, dynamics, universality
from rainbownet.experiments.context import Context
from rainbownet.experiments.family import train_family
from rainbownet.experiments.page import page
from rainbownet.experiments.reproduce import made, redraw, reproduce
from rainbownet.experiments.scales import SCALES

pytest.importorskip("datasets")

MICRO = replace(
    SCALES["tiny"],
    name="micro",
    images=120,
    test=60,
    widths=(0.125, 0.1875, 0.25),
    base=0.125,
    seeds=2,
    crowd=(0.125, 2),
    width_seeds=2,
    recipe=replace(SCALES["tiny"].recipe, epochs=2, batch_size=32),
    vgg_width=0.0625,
    vgg_images=100,
    vgg_recipe=replace(SCALES["tiny"].vgg_recipe, epochs=1, batch_size=32),
    align=120,
)

QUICK = ("bulk", "dynamics")
SHARING = (
    *("activation_spectra", "bulk", "gaussianity", "clipping", "weight_covariance", "resampling"),
    "alignment_error",
)
ON_CIFAR = [name for name, figure in FIGURES.items() if figure.prepare is None]


@pytest.fixture(scope="module")
def context(folder, tmp_path_factory):
    return Context(MICRO, tmp_path_factory.mktemp("runs"), data=folder, progress=False)


@pytest.mark.filterwarnings("ignore::rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ON_CIFAR]
)
def test_a_figure_runs_from_nothing(name, context, tmp_path):
    content = reproduce(FIGURES[name], context, tmp_path)
    assert content["claims"]
    assert json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))["tables"]
    first = (tmp_path / f"{name}.png").read_bytes()
    with Image.open(tmp_path / f"{name}.png") as picture:
        assert np.unique(np.asarray(picture.convert("L"))).size > 20
    assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    redraw(FIGURES[name], tmp_path)
    assert (tmp_path / f"{name}.png").read_bytes() == first
    text = page(tmp_path, FIGURES, pictures="here")
    assert f"(here/{name}.png)" in text
    assert "At scale" not in text
    plain = text.replace("\\|", "|")
    assert all(claim["ours"] in plain for claim in content["claims"])
    twice = page(tmp_path, FIGURES, pictures="here", also={"there": tmp_path})
    assert f"### At scale {context.scale.name}" in twice
    assert f"(there/{name}.png)" in twice


LEAN = replace(MICRO, name="lean", reference_seeds=1, residual=())
"""One network of the last width, and no ResNet."""


@pytest.mark.filterwarnings("ignore::rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SHARING]
)
def test_figures_train_nothing_beyond_the_family_they_share(name, context, tmp_path):
    lean = replace(context, scale=LEAN)
    train_family(lean)

    def trained():
        members = read(lean.runs / "networks").members
        return {member.name for member in members if member.recipe.epochs > 0}

    before = trained()
    content = reproduce(FIGURES[name], lean, tmp_path)
    assert trained() == before
    assert content["claims"]


@pytest.mark.filterwarnings("ignore::rainbownet.errors.RainbowWarning")
def test_networks_are_trained_once(context):
    made = []
    counting = replace(context, report=made.append)
    counting.train("paper_scattering4", widths=[0.125])
    made.clear()
    counting.train("paper_scattering4", widths=[0.125])
    assert made == []


def test_the_verb_lists_and_refuses():
    assert all(name in run("reproduce").stdout for name in FIGURES)
    assert "resampling" in refused("reproduce", "nothing")
    assert "tiny" in refused("reproduce", "bulk", "--scale", "huge")


def test_the_verb_makes_a_page(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(SCALES, "tiny", MICRO)
    arguments = ("--data-root", folder, "--runs", tmp_path / "runs", "-o", tmp_path / "out")
    run("reproduce", "dynamics", *arguments, "--page", tmp_path / "page.md", "--json", tmp_path / "all.json")
    assert "(out/dynamics.png)" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert numbers(tmp_path / "all.json")["figures"][0]["figure"] == "dynamics"
    run("reproduce", "-o", tmp_path / "out", "--also", tmp_path / "out", "--page", tmp_path / "again.md")
    again = (tmp_path / "again.md").read_text(encoding="utf-8")
    assert again.startswith("# Reproduction")
    assert "### At scale" in again


def test_all_figures_go_on_where_they_were_stopped(context, tmp_path):
    content = reproduce(FIGURES["dynamics"], context, tmp_path)
    assert made(FIGURES["dynamics"], context, tmp_path) == content
    other = replace(context, scale=replace(MICRO, seeds=3))
    assert made(FIGURES["dynamics"], other, tmp_path) is None
    (tmp_path / "dynamics.png").unlink()
    assert made(FIGURES["dynamics"], context, tmp_path) is None
    assert made(FIGURES["bulk"], context, tmp_path) is None


def test_a_file_that_is_no_figure_is_refused(tmp_path):
    (tmp_path / "bulk.json").write_text("[]", encoding="utf-8")
    assert "bulk.json" in refused("reproduce", "bulk", "--redraw", "-o", tmp_path)
    assert "bulk.json" in refused("reproduce", "-o", tmp_path, "--page", tmp_path / "page.md")


def test_verdicts_of_a_page_are_those_of_the_rules_not_of_the_file(tmp_path):
    folder = Path(__file__).parents[2] / "docs" / "reproduction"
    content = json.loads((folder / "dynamics.json").read_text(encoding="utf-8"))
    content["claims"] = [{"text": "x", "published": "", "ours": "", "agrees": True}]
    (tmp_path / "dynamics.json").write_text(json.dumps(content), encoding="utf-8")
    text = page(tmp_path, FIGURES, pictures="here")
    tables = {name: pd.DataFrame(rows) for name, rows in content["tables"].items()}
    for claim in FIGURES["dynamics"].claims(tables):
        assert f"| {claim.text} | {claim.published} | {claim.ours} | {claim.verdict.value} |" in text


def test_every_module_of_a_figure_names_it():
    for module in (alignment_error, bulk, dynamics, universality):
        assert module.FIGURE.name == module.__name__.rpartition(".")[2]
