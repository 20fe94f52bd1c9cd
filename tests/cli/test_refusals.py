"""Bad input: exit status 2, one line that names the culprit, and nothing half written."""

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from cli.commands import KWARGS, refused, weights
from rainbownet.nets import build


@pytest.fixture
def fit(tmp_path):
    """Arguments of `fit` that would work, but for what a test adds."""
    return ["fit", "digits_cnn", "--kwargs", KWARGS, "-o", tmp_path / "x.rainbow"]


@pytest.fixture
def good(tmp_path):
    return ["--weights", weights(tmp_path)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["smaple"], 'Did you mean "sample"'),
        (["info"], "NETWORK|FILE"),
        (["info", "digits_cnnn"], "did you mean digits_cnn"),
        (["info", "no.such:net"], "cannot be imported"),
        (["info", "math:pi"], "function or class"),
        (["info", "digits_cnn", "--kwargs", "{width: 2}"], "not JSON"),
        (["info", "digits_cnn", "--kwargs", "[2]"], "JSON object"),
        (["info", "digits_cnn", "--kwargs", '{"depth": 2}'], "depth"),
        (["info", "digits_cnn", "--input-shape", "3x8"], "3,32,32"),
        (["info", "digits_cnn", "--input-shape", "3,8,8"], "input"),
        (["info", "digits_cnn", "--head", "nothing"], "no layer 'nothing'"),
        (["info", "digits_cnn", "--bogus"], "--bogus"),
        (["info", "cli.commands:untraceable"], "Fork"),
        (["info", "absent.rainbow"], "no such file"),
        (["info", "digits_cnn", "--json", "no/such/folder/x.json"], "no folder"),
        (["sample", "absent.rainbow"], "no such file"),
        (["compare", "digits_cnn", "--weights", "a"], "twice"),
        (["compare", "digits_cnn", "--weights", "a", "--weights", "b"], "no such file"),
        (["demo", "--widths", "2,x"], "numbers with commas"),
        (["demo", "--widths", "0"], "positive"),
        (["demo", "--plot", "no/such/folder/x.png"], "no folder"),
        (["train", "digits_mlp", "-o", "runs", "--recipe", "soup"], "soup"),
        (["train", "digits_mlp", "-o", "runs", "--seeds", "1.5"], "whole numbers"),
        (["train", "digits_mlp", "-o", "runs", "--seeds", "3:3"], "holds none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_refused_at_once(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in refused(*arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--preset", "finest"], '"finest" for --preset'),
        (["--law", "cauchy"], "no law is called 'cauchy'"),
        (["--law", "kronecker", "--rank", "3"], "no field rank"),
        (["--rank", "few"], "few"),
        (["--bandwidth", "2", "--law", "smoothed"], "at least 0 and at most 1"),
        (["--norms", "melted"], "melted"),
        (["--reference", "last"], '"first", "mean"'),
        (["--head", "nothing"], "no layer 'nothing'"),
        (["--images", "99999"], "only 1300 images"),
        (["--split", "validation"], "no split 'validation'"),
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--mean", "a,b"], "numbers with commas"),
        (["--mean", "0.5,0.5,0.5"], "3 entries"),
        (["--std", "0"], "positive"),
        (["--limit", "99999"], "99999"),
        (["--device", "abacus"], "abacus"),
        (["--kwargs", KWARGS], "2 times"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_fit_refuses(more, says, fit, good, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert says in refused(*fit, *good, *more)
    assert not (tmp_path / "x.rainbow").exists()


def test_weights_are_needed(fit):
    assert "--weights is missing" in refused(*fit)


def test_foreign_weights_are_refused(fit, tmp_path):
    path = tmp_path / "objects.pt"
    path.write_bytes(pickle.dumps({"net": object}, protocol=2))
    assert str(path) in refused(*fit, "--weights", path)
    torch.save({"epoch": 3}, path)
    assert "state dict" in refused(*fit, "--weights", path)


def test_weights_of_another_width_are_refused(fit, tmp_path):
    assert "shapes differ" in refused(*fit, "--weights", weights(tmp_path, width=0.5))


def test_weights_that_are_not_finite_are_refused(fit, tmp_path):
    state = build("digits_cnn", width=0.25).state_dict()
    state["4.weight"][0] = torch.nan
    save_file(dict(state), tmp_path / "nan.safetensors")
    assert "'4.weight'" in refused(*fit, "--weights", tmp_path / "nan.safetensors")


@pytest.fixture
def rainbow(fit, good, tmp_path):
    from cli.commands import run

    run(*fit, *good)
    return tmp_path / "x.rainbow"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--width", "0.001"], "zero channels"),
        (["--width", "nothing=2"], "nothing"),
        (["--width", "wide"], "--width"),
        (["--draw", "lots"], "lots"),
        (["--preset", "finest"], '"finest" for --preset'),
        (["--tie", "loose"], "loose"),
        (["--alignment", "guess"], "no alignment is called 'guess'"),
        (["--ridge", "0.1"], "least-squares"),
        (["--alignment", "least-squares", "--ridge", "-1"], "ridge"),
        (["--classifier", "oracle"], "oracle"),
        (["--layers", "nothing"], "nothing"),
        (["--until", "nothing"], "nothing"),
        (["--until", "0", "--layers", "4"], "exclude each other"),
        (["--budget", "much"], "--budget"),
        (["--images", "99999"], "only 1300 images"),
        (["--test-split", "exam"], "no split 'exam'"),
        (["--holdout", "0.9"], "--holdout"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_sample_refuses(more, says, rainbow, tmp_path):
    assert says in refused("sample", rainbow, "-o", tmp_path / "new.safetensors", *more)
    assert not (tmp_path / "new.safetensors").exists()


def test_a_damaged_file_is_refused(rainbow):
    content = rainbow.read_bytes()
    for damaged in (content[: len(content) // 2], b"not a rainbow at all", b""):
        rainbow.write_bytes(damaged)
        assert "x.rainbow" in refused("info", rainbow)


def test_networks_that_differ_are_not_compared(tmp_path):
    save_file(dict(build("digits_mlp", width=0.1).state_dict()), tmp_path / "mlp.safetensors")
    arguments = ["compare", "digits_cnn", "digits_mlp", "--kwargs", KWARGS, "--kwargs", '{"width": 0.1}']
    files = ["--weights", weights(tmp_path), "--weights", tmp_path / "mlp.safetensors"]
    assert "layer '0' is a Flatten" in refused(*arguments, *files)


@pytest.mark.extra
@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_file_that_cannot_be_written_leaves_the_old_one(rainbow, fit, good, monkeypatch):
    before = rainbow.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refused(*fit, *good)
    assert rainbow.read_bytes() == before
    assert not list(rainbow.parent.glob(".*tmp"))
