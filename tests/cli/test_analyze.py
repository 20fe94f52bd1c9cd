"""The verbs of `analyze`: tables, files and pictures from weights of small networks, and what they refuse."""

import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cli.commands import KWARGS, numbers, refused, run, weights
from rainbownet.nets import build

WIDE = '{"width": 0.5}'


@pytest.fixture
def files(tmp_path):
    return [weights(tmp_path, seed=seed) for seed in range(3)]


def analyzed(tmp_path, verb, *arguments, data=True):
    """Run a verb on a few images and return what it wrote; the picture must be one."""
    json, plot = tmp_path / "found.json", tmp_path / "found.png"
    share = ["--limit", 300, "--device", "cpu"] if data else []
    result = run("analyze", verb, "digits_cnn", *arguments, *share, "--json", json, "--plot", plot)
    assert plot.read_bytes().startswith(b"\x89PNG")
    found = numbers(json)
    assert found["verb"] == f"analyze {verb}"
    return found, result.output


def given(files, option="--weights"):
    return [part for file in files for part in (option, file)]


def test_spectra_are_those_of_the_files(tmp_path, files):
    found, text = analyzed(
        tmp_path, "spectra", "--kwargs", KWARGS, *given(files[:2]), *given(files[1:], "--initial"), "--ranks", "1:8"
    )
    rows = np.concatenate([load_file(file)["0.weight"].double().flatten(1).numpy() for file in files[:2]])
    expected = np.linalg.eigvalsh(rows.T @ rows / len(rows))[::-1]
    values = [row["eigenvalue"] for row in found["weights"] if (row["layer"], row["state"]) == ("0", "trained")]
    np.testing.assert_allclose(values, expected[: len(values)], rtol=1e-6)
    assert {row["fitted"] for row in found["fits"]["activations"] if row["layer"] == "4"} == {"1:8"}
    assert "Covariances of weights" in text


def test_clipping_ends_at_the_accuracy_of_the_network(tmp_path, files):
    found, text = analyzed(
        tmp_path, "clipping", "--kwargs", KWARGS, *given(files[:1]), "--steps", 2, "--layer", "4", "--basis", "weights"
    )
    assert [row["rank"] for row in found["curve"]] == [0, 4, 8]
    assert found["curve"][-1]["accuracy"] == found["curve"][-1]["full"]
    assert [row["basis"] for row in found["ranks"]] == ["weights"]
    assert "lose 1 points" in text


def test_convergence_compares_with_the_widest(tmp_path, files):
    wide = weights(tmp_path, seed=5, width=0.5)
    arguments = ["--kwargs", KWARGS, "--kwargs", WIDE, *given([files[0], wide]), "--widths", "0.25,0.5"]
    found, text = analyzed(tmp_path, "convergence", *arguments)
    assert {row["width"] for row in found["activations"]} == {0.25}
    assert all(0 < row["error"] < 2 for row in found["activations"])
    assert [row["layer"] for row in found["covariances"]] == ["0", "4", "8", "13"]
    assert "Covariances" in text


def test_similarity_sees_planted_directions(tmp_path, files):
    state = load_file(files[0])
    planted = torch.randn(state["4.weight"].shape[0], 1, generator=torch.Generator().manual_seed(0))
    direction = torch.randn(1, state["4.weight"][0].numel(), generator=torch.Generator().manual_seed(1))
    learned = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in learned:
        weight = state["4.weight"] + (planted @ direction).view_as(state["4.weight"])
        save_file(state | {"4.weight": weight.contiguous()}, path)
    arguments = ["--kwargs", KWARGS, *given([*learned, files[0]]), "--groups", "x,y,z", "--layer", "4"]
    found, text = analyzed(tmp_path, "similarity", *arguments, *given(files[:1], "--initial"), "--draws", 2)
    pairs = {(row["a"], row["b"]): row for row in found["similarity"]}
    assert pairs["x", "y"]["cosine"] == pytest.approx(1)
    assert pairs["x", "y"]["similarity"] > 0.9
    assert pairs["x", "y"]["spikes_a"] >= 1
    assert pairs["x", "z"]["cosine"] < 0.5
    assert len(found["eigenvectors"]) > 0
    assert "What groups of networks learned" in text


def test_gaussianity_tells_gaussian_weights_from_others(tmp_path):
    net = build("digits_cnn", width=0.25)
    generator = torch.Generator().manual_seed(0)
    state = dict(net.state_dict())
    files = []
    for law in ("normal", "signs"):
        drawn = torch.randn(state["8.weight"].shape, generator=generator)
        drawn[:, 0] *= 10
        if law == "signs":
            drawn[:, 0, 0, 0] = 200 * drawn[:, 0, 0, 0].sign()
        files.append(tmp_path / f"{law}.safetensors")
        save_file(state | {"8.weight": drawn}, files[-1])
    p = {}
    for file in files:
        arguments = ["--kwargs", KWARGS, *given([file]), "--layer", "8", "--directions", "1"]
        found, text = analyzed(tmp_path, "gaussianity", *arguments)
        p[file.stem] = found["gaussianity"][0]["p_corrected"]
        assert "Whitened weights" in text
    assert p["normal"] > 0.05 > p["signs"]


def test_bulks_are_whitened_where_rows_are_enough(tmp_path, files):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        found, text = analyzed(tmp_path, "bulk", "--kwargs", KWARGS, *given(files), "--variance", "bulk")
    assert [f"layer '{name}' is not whitened" in text for name in ("0", "4", "8", "13")] == [False, True, True, False]
    whitened = {row["layer"] for row in found["bulks"] if row["whitened"]}
    assert whitened == {"0", "13"}
    assert len(found["eigenvalues"]["0"]) == 2
    assert "Marchenko–Pastur" in text


def test_dynamics_follow_checkpoints(tmp_path, files):
    state = load_file(files[0])
    grown = tmp_path / "grown.safetensors"
    save_file({name: 3 * value if name == "4.weight" else value for name, value in state.items()}, grown)
    arguments = ["--kwargs", KWARGS, *given([files[0], grown]), "--epochs", "0,20", "--layer", "4"]
    found, text = analyzed(tmp_path, "dynamics", *arguments, data=False)
    last = [row for row in found["dynamics"] if row["epoch"] == 20]
    assert [row["amplification"] for row in last] == pytest.approx([3] * len(last))
    assert [row["cosine"] for row in last] == pytest.approx([1] * len(last))
    assert "Amplification" in text


def test_what_cannot_be_analyzed_is_refused(tmp_path, files):
    start = ["analyze", "spectra", "digits_cnn", "--kwargs", KWARGS]
    assert "--weights is missing" in refused(*start)
    assert "a figure ends in .png or .pdf" in refused(*start, *given(files[:1]), "--plot", tmp_path / "a.gif")
    assert "--ranks is '3'" in refused(*start, *given(files[:1]), "--ranks", "3")
    assert "read no activation" in refused(*start, *given(files[:1]), "--layer", "99", "--limit", 100)
    assert "--kwargs is given 2 times for 3 networks" in refused(
        "analyze", "similarity", "digits_cnn", "--kwargs", KWARGS, "--kwargs", KWARGS, *given(files)
    )
    assert "--widths is '1'" in refused(
        "analyze", "convergence", "digits_cnn", "--kwargs", KWARGS, *given(files), "--widths", "1"
    )
    assert "--index is 3" in refused("analyze", "bulk", "digits_cnn", "--kwargs", KWARGS, *given(files), "--index", 3)


def test_help_names_every_analysis():
    text = run("analyze", "--help").stdout
    for verb in ("spectra", "clipping", "convergence", "similarity", "gaussianity", "bulk", "dynamics"):
        assert verb in text
