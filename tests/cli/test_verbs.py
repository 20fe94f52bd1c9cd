"""Each verb does its work, prints it, and writes JSON that says how it was done."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

import rainbownet
from cli.commands import KWARGS, numbers, run, weights
from rainbownet.aligned.compare import compare
from rainbownet.data import load
from rainbownet.naming import load_weights
from rainbownet.nets import build
from rainbownet.training import evaluate


@pytest.fixture
def net(tmp_path):
    return weights(tmp_path)


@pytest.fixture
def rainbow(tmp_path, net):
    path = tmp_path / "digits.rainbow"
    run("fit", "digits_cnn", "--kwargs", KWARGS, "--weights", net, "-o", path, "--preset", "best")
    return path


def test_without_a_verb_it_helps():
    help = run().output
    assert all(verb in help for verb in ("demo", "info", "fit", "sample", "compare", "train"))
    assert run("--version").stdout == f"rainbownet {rainbownet.__version__}\n"


def test_info_lists_populations_of_a_network(tmp_path):
    result = run("info", "digits_cnn", "--input-shape", "1,12,12", "--json", tmp_path / "info.json")
    found = numbers(tmp_path / "info.json")
    assert found["input_shape"] == [1, 12, 12]
    assert found["head"] == ["13"]
    assert [p["neurons"] for p in found["populations"]] == [32, 64, 64, 10]
    assert [norm["folded"] for norm in found["norms"]] == [True, True, True]
    assert set(found) >= {"settings", "versions", "machine", "verb"}
    assert "Batch norms" in result.stdout


def test_info_says_what_a_rainbow_holds(tmp_path, rainbow):
    result = run("info", rainbow, "--json", tmp_path / "info.json")
    found = numbers(tmp_path / "info.json")
    assert found["bytes"] == rainbow.stat().st_size
    assert found["networks"] == 1
    assert found["preset"]["law"]["name"] == "gaussian"
    assert [law["population"] for law in found["laws"]] == ["0", "4", "8"]
    assert "gaussian" in result.stdout


def test_fit_writes_the_law_that_was_asked_for(tmp_path, net):
    out, other = tmp_path / "a.rainbow", weights(tmp_path, seed=1)
    arguments = ["fit", "digits_cnn", "--kwargs", KWARGS, "--weights", net, "--weights", other, "-o", out]
    arguments += ["--preset", "paper", "--law", "smoothed", "--bandwidth", "0.25", "--rank", "0.9", "--no-law-mean"]
    run(*arguments, "--limit", 300, "--json", tmp_path / "fit.json")
    law = rainbownet.load(out)
    assert law.networks == 2
    assert law.preset.law == rainbownet.Smoothed(0.25, base=rainbownet.Gaussian(mean=False, rank=0.9))
    assert law.preset.alignment == rainbownet.Procrustes()
    assert numbers(tmp_path / "fit.json")["bytes"] == out.stat().st_size


def test_an_identity_sample_is_the_trained_network(tmp_path, net, rainbow):
    out = tmp_path / "same.safetensors"
    run(
        "sample",
        rainbow,
        "-o",
        out,
        "--draw",
        "identity",
        "--alignment",
        "identity",
        "--no-control",
        "--json",
        tmp_path / "s.json",
    )
    found = numbers(tmp_path / "s.json")
    accuracies = {row["network"]: row["accuracy"] for row in found["accuracies"]}
    assert accuracies["sample"] == accuracies["reference"]
    assert "white control" not in accuracies
    trained = load_weights(build("digits_cnn", width=0.25), net).eval()
    assert accuracies["reference"] == pytest.approx(evaluate(trained, load("digits", split="test")).accuracy)
    again = load_weights(build("digits_cnn", width=0.25), out).eval()
    inputs = load("digits", split="test").inputs[:20]
    torch.testing.assert_close(again(inputs), trained(inputs), atol=1e-4, rtol=1e-4)


def test_a_sample_stands_beside_its_controls(tmp_path, rainbow):
    out = tmp_path / "wide.safetensors"
    options = "--width 0=2,4=3 --alignment procrustes --tie independent --draw orthogonal --images 500 --holdout 0.2"
    arguments = ["sample", rainbow, "-o", out, *options.split(), "--budget", "1MiB", "--seed", 3]
    result = run(*arguments, "--json", tmp_path / "s.json")
    found = numbers(tmp_path / "s.json")
    assert found["images"] == 500
    assert [row["network"] for row in found["accuracies"]] == [
        "reference",
        "identity baseline",
        "sample",
        "white control",
    ]
    assert found["preset"]["alignment"]["name"] == "procrustes"
    assert all(row["held_out"] for row in found["alignment"])
    assert {row["population"] for row in found["copy_scores"]} == {"0", "4", "8"}
    shapes = {key: tuple(value.shape) for key, value in load_file(out).items()}
    assert shapes["0.weight"] == (16, 1, 3, 3)
    assert shapes["4.weight"] == (48, 16, 3, 3)
    assert "white control" in result.stdout


def test_a_preset_says_how_to_draw_and_align(tmp_path, rainbow):
    arguments = ["sample", rainbow, "--preset", "paper", "--draw", "orthogonal", "--no-control", "--test-split", "none"]
    run(*arguments, "--json", tmp_path / "s.json")
    preset = numbers(tmp_path / "s.json")["preset"]
    assert (preset["alignment"]["name"], preset["tie"], preset["draw"]) == ("procrustes", "independent", "orthogonal")
    assert preset["law"]["mean"]


def test_the_same_seed_writes_the_same_bytes(tmp_path, rainbow):
    files = [tmp_path / f"{k}.safetensors" for k in range(2)]
    for path in files:
        run("sample", rainbow, "-o", path, "--seed", 5, "--no-control", "--test-split", "none")
    first, second = map(load_file, files)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_until_draws_the_layers_up_to_one(tmp_path, net, rainbow):
    out = tmp_path / "part.safetensors"
    run("sample", rainbow, "-o", out, "--until", "0", "--no-control", "--test-split", "none", "--alignment", "identity")
    old, new = load_file(net), load_file(out)
    assert not torch.allclose(old["0.weight"], new["0.weight"], atol=1e-2)
    rainbow_reference = rainbownet.load(rainbow).network.parameters
    torch.testing.assert_close(new["8.weight"], rainbow_reference["8.weight"], atol=1e-5, rtol=1e-4)


def test_compare_prints_what_the_library_returns(tmp_path, net):
    other = weights(tmp_path, seed=1, width=0.5)
    arguments = ["compare", "digits_cnn", "--kwargs", KWARGS, "--kwargs", '{"width": 0.5}', "--limit", 300]
    result = run(*arguments, "--weights", net, "--weights", other, "--json", tmp_path / "c.json")
    found = numbers(tmp_path / "c.json")
    assert found["images"] == 300
    a, b = build("digits_cnn", seed=0, width=0.25).eval(), build("digits_cnn", seed=1, width=0.5).eval()
    images = load("digits", limit=300)
    table = compare(a, b, [images.inputs], holdout=0.0)
    assert [row["channels_b"] for row in found["layers"]] == list(table["channels_b"])
    for row, rank in zip(found["layers"], table["rank_b"], strict=True):
        assert row["weights"] is None
        assert row["rank_b"] == pytest.approx(rank)
    assert "rotated at random" in result.stdout


def test_train_goes_on_where_it_stopped(tmp_path):
    arguments = ["train", "digits_mlp", "-o", tmp_path / "runs", "--seeds", "0:2", "--kwargs", '{"width": 0.1}']
    arguments += ["--limit", 200, "--device", "cpu", "--json", tmp_path / "t.json", "--epochs", 2]
    run(*arguments)
    files = sorted((tmp_path / "runs").glob("*/model.safetensors"))
    times = [path.stat().st_mtime_ns for path in files]
    run(*arguments)
    assert len(files) == 2
    assert [path.stat().st_mtime_ns for path in files] == times
    assert [row["seed"] for row in numbers(tmp_path / "t.json")["networks"]] == [0, 1]


def test_a_small_demo_tells_its_story(tmp_path):
    plot, json = tmp_path / "demo.png", tmp_path / "demo.json"
    result = run("demo", "--epochs", 1, "--widths", "0.25,0.5", "--energies", "0.9,1", "--plot", plot, "--json", json)
    found = numbers(json)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert [row["seed"] for row in found["trained"]] == [0, 1]
    assert len(found["compared"]) == 3
    assert {(row["method"], row["networks"]) for row in found["drawn"]} == {
        (method, count) for method in ("published", "best") for count in (1, 2)
    }
    smaller, whole = found["compressed"]
    assert smaller["bytes"] < whole["bytes"]
    assert all(0 <= row[key] <= 1 for row in found["drawn"] for key in ("accuracy", "white", "cosine"))
    assert "white control" in result.stdout


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "rainbownet", "info", "digits_cnn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Populations of neurons" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path, rainbow):
    single, double = tmp_path / "one.json", tmp_path / "two.json"
    arguments = ["sample", str(rainbow), "--device", "cpu", "--images", "600"]
    run(*arguments, "--json", single, "-o", tmp_path / "one.safetensors")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launch += ["-m", "rainbownet", *arguments, "--json", str(double), "-o", str(tmp_path / "two.safetensors")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Copy score") == 1
    one, two = numbers(single), numbers(double)
    assert one["images"] == two["images"] == 600
    a, b = load_file(tmp_path / "one.safetensors"), load_file(tmp_path / "two.safetensors")
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-4, rtol=1e-3)
    for left, right in zip(one["alignment"], two["alignment"], strict=True):
        assert left["rows"] == right["rows"]
        assert left["error"] == pytest.approx(right["error"], rel=1e-4)


def test_what_is_kept_is_listed_by_info_and_refused_by_strict(tmp_path, monkeypatch):
    (tmp_path / "summing.py").write_text(
        "from torch import nn\n"
        "class Summing(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first, self.hidden, self.head = nn.Linear(64, 8), nn.Linear(8, 16), nn.Linear(16, 10)\n"
        "    def forward(self, x):\n"
        "        return self.head(self.hidden(self.first(x.flatten(1)).cumsum(1)).relu())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    shown = run("info", "summing:Summing", "--json", tmp_path / "info.json").stdout
    found = numbers(tmp_path / "info.json")
    assert "17.3 % of the parameters are drawn" in " ".join(shown.split()), shown
    assert [kept["operation"] for kept in found["kept"]] == ["cumsum"]
    torch.save(__import__("summing").Summing().state_dict(), tmp_path / "net.pt")
    said = run("fit", "summing:Summing", "--weights", tmp_path / "net.pt", "-o", tmp_path / "a", "--strict", code=2)
    assert "cumsum" in said.stderr


def test_a_sample_says_what_network_its_weights_load_into(tmp_path, rainbow):
    out = tmp_path / "wide.safetensors"
    said = run("sample", rainbow, "-o", out, "--width", 2, "--no-control", "--test-split", "none").stdout
    assert "weights of digits_cnn(width=0.5)" in " ".join(said.split())
    load_weights(build("digits_cnn", width=0.5), out)
    said = run("sample", rainbow, "-o", out, "--width", "0=2", "--no-control", "--test-split", "none").stdout
    assert "0.weight (16, 1, 3, 3)" in " ".join(said.split())


def test_a_ridge_takes_the_place_of_the_chosen_one(tmp_path, rainbow):
    arguments = ["sample", rainbow, "--no-control", "--test-split", "none", "--json", tmp_path / "s.json"]
    run(*arguments)
    chosen = numbers(tmp_path / "s.json")
    assert chosen["preset"]["alignment"] == {"name": "least-squares", "ridge": "auto", "toward": "auto"}
    assert {"ridge", "toward", "rows"} <= set(chosen["alignment"][0])
    run(*arguments, "--alignment", "least-squares", "--ridge", "0.01")
    assert {row["ridge"] for row in numbers(tmp_path / "s.json")["alignment"]} == {0.01}
