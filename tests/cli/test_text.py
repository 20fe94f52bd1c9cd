"""A text instead of images: trained on, fitted and sampled by commands."""

import math

import pytest

from cli.commands import numbers, refused, run

KWARGS = '{"width": 0.25, "context": 16, "depth": 1}'


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "lines.txt"
    path.write_text("".join(f"line {k}\n" for k in range(1000)), encoding="utf-8")
    return ("--data", path, "--size", 16)


def test_a_text_is_trained_fitted_and_sampled(tmp_path, text):
    train = run("train", "gpt", "--recipe", "gpt", "--epochs", 1, "--kwargs", KWARGS, "--out", tmp_path / "nets", *text)
    weights = train.stdout.split()[-1]
    assert "text: " in train.stdout
    assert "(16 characters in a window)" in train.stdout
    rainbow = tmp_path / "gpt.rainbow"
    run("fit", "gpt", "--kwargs", KWARGS, "--weights", weights, "-o", rainbow, "--limit", 40, *text)
    result = run("sample", rainbow, "--width", 2, "--limit", 40, "--json", tmp_path / "sample.json", *text)
    rows = numbers(tmp_path / "sample.json")["accuracies"]
    assert [row["network"] for row in rows] == ["reference", "identity baseline", "sample", "white control"]
    assert rows[0]["bits per character"] == pytest.approx(rows[0]["loss"] / math.log(2))
    assert "bits per character" in result.stdout


def test_options_of_images_are_refused_for_a_text(tmp_path, text):
    said = refused("train", "gpt", "--out", tmp_path / "nets", "--grayscale", *text)
    assert "--grayscale is about images" in said


def test_a_path_between_networks_of_texts_is_walked_by_the_kinds_that_are_named(tmp_path, text):
    common = ("--kwargs", KWARGS, "--limit", 40, *text)
    train = run("train", "gpt", "--recipe", "gpt", "--epochs", 1, "--seeds", "0:2", "--out", tmp_path, *common)
    a, b = train.stdout.split()[-2:]
    kinds = ("--kinds", "unaligned", "--kinds", "basis", "--points", 2)
    run("path", "gpt", "--weights", a, "--weights", b, *kinds, "--json", tmp_path / "path.json", *common)
    points = numbers(tmp_path / "path.json")["points"]
    assert [(row["kind"], row["t"]) for row in points] == [(k, t) for k in ("unaligned", "basis") for t in (0, 1)]
    assert points[0]["loss"] == pytest.approx(points[2]["loss"], rel=1e-4)
    assert points[1]["loss"] == pytest.approx(points[3]["loss"], rel=1e-4)
