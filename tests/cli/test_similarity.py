"""The verb `similarity`: two architectures, recorded responses, the picture and the file, and what it refuses."""

import numpy as np
import torch
from safetensors.torch import save_file

from cli.commands import KWARGS, numbers, refused, run, weights
from rainbownet.data import load
from rainbownet.nets import build


def test_two_architectures_are_compared_layer_by_layer(tmp_path):
    result = run(
        "similarity", "digits_cnn", "digits_mlp", "--kwargs-a", KWARGS, "--weights-a", weights(tmp_path),
        "--limit", 200, "--json", tmp_path / "found.json", "--plot", tmp_path / "heat.png",
        "--measures", "cka", "--measures", "linear",
    )  # fmt: skip
    assert "cka: the best match of each layer of digits_cnn in digits_mlp" in result.stdout
    found = numbers(tmp_path / "found.json")
    assert {row["measure"] for row in found["table"]} == {"cka", "linear", "linear_reverse"}
    assert found["images"] == 200
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


def test_a_network_is_found_in_recorded_responses_of_its_layer(tmp_path):
    images = load("digits")
    net = build("digits_mlp")
    with torch.no_grad():
        recorded = net(images.normalise(images.inputs)).numpy()
    np.save(tmp_path / "cortex.npy", recorded)
    save_file(net.state_dict(), tmp_path / "net.safetensors")
    result = run(
        "similarity", "digits_mlp", tmp_path / "cortex.npy", "--weights-a", tmp_path / "net.safetensors", "--measures",
        "cka", "--json", tmp_path / "found.json",
    )  # fmt: skip
    rows = numbers(tmp_path / "found.json")["table"]
    best = max(rows, key=lambda row: row["value"])
    assert best["value"] > 0.999
    assert best["layer_a"] == rows[-1]["layer_a"], result.stdout


def test_refusals_are_one_line(tmp_path):
    np.save(tmp_path / "few.npy", np.zeros((3, 2)))
    assert "responses to 3 stimuli" in refused("similarity", "digits_mlp", tmp_path / "few.npy")
    assert "holds responses" in refused("similarity", "digits_mlp", tmp_path / "few.npy", "--weights-b", tmp_path / "w")
    assert "matches none" in refused("similarity", "digits_mlp", "digits_mlp", "--layers-a", "nope")
    assert "there is no file" in refused("similarity", "digits_mlp", tmp_path / "no.npy")
    assert "measures" in refused("similarity", "digits_mlp", "digits_mlp", "--measures", "nope")
