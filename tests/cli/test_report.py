"""The verb report: a page from weights or a rainbow file in one command, and refusals in one line."""

import pytest

from cli.commands import KWARGS, numbers, refused, run, weights

pytest.importorskip("plotly", reason="reports need the extra [report]")


def test_a_page_of_two_networks(tmp_path):
    a, b = weights(tmp_path), weights(tmp_path, seed=1)
    arguments = ["report", "digits_cnn", "--kwargs", KWARGS, "--weights", a, "--weights", b, "--limit", 300]
    result = run(*arguments, "--widths", "1", "-o", tmp_path / "r.html", "--json", tmp_path / "r.json")
    found = numbers(tmp_path / "r.json")
    assert [row["network"] for row in found["networks"]] == [a.stem, b.stem]
    assert [row["law"] for row in found["samples"]] == ["identity baseline", "rainbow", "white control"]
    assert found["title"] == "Rainbow report: digits_cnn"
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert f"{100 * found['networks'][0]['accuracy']:.1f} %" in text
    assert "open it in a browser" in result.stdout


def test_a_rainbow_file_without_images(tmp_path):
    net = weights(tmp_path)
    run("fit", "digits_cnn", "--kwargs", KWARGS, "--weights", net, "-o", tmp_path / "net.rainbow", "--limit", 50)
    run("report", tmp_path / "net.rainbow", "--data", "none", "-o", tmp_path / "r.html", "--title", "Mine")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<title>Mine</title>" in text
    assert "Samples against" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits_cnn"], "--weights is missing"),
        (["absent.rainbow"], "no such file"),
        (["digits_cnn", "digits_mlp", "--weights", "x"], "--weights is given 1 times"),
        (["digits_mlp", "digits_cnn", "--weights", "x", "--weights", "y", "--kwargs", "{"], "--kwargs is '{'"),
    ],
)
def test_what_cannot_be_reported_is_refused(tmp_path, arguments, message):
    assert message in refused("report", *arguments, "-o", tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
