"""How pixels are normalised is asked for, known to the file, or none: said with the result and written down."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import rainbownet
from cli.commands import numbers, refused, run
from rainbownet.data import load
from rainbownet.nets import build

KWARGS = '{"inputs": 192, "classes": 2, "width": 0.125}'


@pytest.fixture
def data(tmp_path):
    """Write a data set of colours: more red than blue, or more blue than red, by little."""
    generator = np.random.default_rng(0)
    arrays = {}
    for part in ("", "test_"):
        labels = generator.integers(0, 2, 80)
        colours = np.array([[112, 60, 102], [102, 60, 112]])[labels][:, None, None, :]
        arrays[f"{part}images"] = (colours + generator.integers(-9, 10, (80, 8, 8, 3))).astype(np.uint8)
        arrays[f"{part}labels"] = labels
    np.savez(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz"


@pytest.fixture
def net(tmp_path):
    """Write a network without offsets that compares the reds and the blues of pixels in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, value in build("tutorial_mlp", inputs=192, classes=2, width=0.125).state_dict().items():
        rows, columns = value.shape
        reads = torch.arange(columns) // 64 if columns == 192 else torch.arange(columns) % 2 * 2
        same = reads[None] == torch.arange(rows)[:, None] % 2 * 2
        state[name] = same * (1 + 0.02 * torch.randn(value.shape, generator=generator)) * 2 / columns
    save_file(state, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def accuracy(tmp_path, net, data, *options):
    arguments = ["--kwargs", KWARGS, "--weights", net, "--data", data]
    out = tmp_path / "net.rainbow"
    run("fit", "tutorial_mlp", *arguments, *options, "-o", out, "--json", tmp_path / "fit.json")
    done = run("sample", out, "--data", data, "--no-control", "--json", tmp_path / "s.json")
    return numbers(tmp_path / "s.json"), done.stdout, rainbownet.load(out)


def test_a_users_own_colours_stay_in_0_1_and_the_output_says_so(tmp_path, data, net):
    found, text, rainbow = accuracy(tmp_path, net, data)
    assert found["accuracies"][0]["accuracy"] == 1.0
    assert "normalisation: none" in text
    assert found["normalisation"] is None
    assert rainbow.provenance["normalisation"] is None


def test_what_was_asked_for_in_fit_is_known_to_the_rainbow(tmp_path, data, net):
    found, text, rainbow = accuracy(tmp_path, net, data, "--normalise", "imagenet")
    imagenet = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert rainbow.provenance["normalisation"] == imagenet
    assert found["normalisation"] == imagenet
    assert numbers(tmp_path / "fit.json")["normalisation"] == imagenet
    assert "mean 0.485, 0.456, 0.406" in text
    assert "net.rainbow was trained" in text
    assert found["accuracies"][0]["accuracy"] < 1.0


def test_mean_and_deviation_may_be_given_in_two_ways(tmp_path, data, net):
    ways = (["--normalise", "0.1,0.1,0.1/0.2,0.2,0.2"], ["--mean", "0.1,0.1,0.1", "--std", "0.2,0.2,0.2"])
    first, second = (accuracy(tmp_path, net, data, *way)[0]["normalisation"] for way in ways)
    assert first == second == {"mean": [0.1, 0.1, 0.1], "std": [0.2, 0.2, 0.2]}


def test_a_trained_checkpoint_and_a_sample_carry_it(tmp_path):
    kwargs = ["--kwargs", '{"width": 0.1}']
    words = ["--normalise", "0.3/0.5", "--limit", 200]
    run("train", "digits_mlp", "-o", tmp_path / "runs", *kwargs, "--epochs", 1, *words, "--device", "cpu")
    (model,) = (tmp_path / "runs").glob("*/model.safetensors")
    run("fit", "digits_mlp", *kwargs, "--weights", model, "-o", tmp_path / "d.rainbow", "--limit", 200)
    expected = {"mean": [0.3], "std": [0.5]}
    assert rainbownet.load(tmp_path / "d.rainbow").provenance["normalisation"] == expected
    out = tmp_path / "new.safetensors"
    run("sample", tmp_path / "d.rainbow", "-o", out, "--no-control", "--limit", 200)
    with safe_open(out, framework="pt") as file:
        assert json.loads(file.metadata()["normalisation"]) == expected
    assert "mean 0.3" in run("info", tmp_path / "d.rainbow").stdout


def test_files_that_disagree_are_refused_unless_told(tmp_path):
    state = {key: value.contiguous() for key, value in build("digits_mlp", width=0.1).state_dict().items()}
    a, b = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_file(state, a, metadata={"normalisation": "null"})
    save_file(load_file(a), b, metadata={"normalisation": json.dumps({"mean": [0.3], "std": [0.5]})})
    line = ["compare", "digits_mlp", "--kwargs", '{"width": 0.1}', "--weights", a, "--weights", b, "--limit", 100]
    assert "--normalise" in refused(*line)
    assert "as asked" in run(*line, "--normalise", "none").stdout


def test_the_digits_are_as_they_were():
    assert load("digits").normalisation is None
