"""The verb `limit`: the network of infinite width, its distances to samples, and their figure."""

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cli.commands import numbers, refused, run
from rainbownet.limit import load_limit
from rainbownet.nets import build

SMALL = ("--limit", 300, "--landmarks", 40)


@pytest.fixture(scope="module")
def rainbow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limit")
    save_file(build("digits_mlp", width=0.125).state_dict(), folder / "net.safetensors")
    path = folder / "net.rainbow"
    run("fit", "digits_mlp", "--kwargs", '{"width": 0.125}', "--weights", folder / "net.safetensors", "-o", path,
        "--preset", "paper", "--limit", 300)  # fmt: skip
    return path


def test_a_limit_is_measured_and_written(tmp_path, rainbow):
    out = tmp_path / "net.limit"
    result = run("limit", rainbow, "-o", out, *SMALL, "--json", tmp_path / "limit.json")
    found = numbers(tmp_path / "limit.json")
    assert [row["network"] for row in found["accuracies"]] == ["trained", "limit", "limit of white weights"]
    assert all(0 <= row["accuracy"] <= 1 for row in found["accuracies"])
    assert [row["layer"] for row in found["layers"]] == ["1", "3"]
    assert found["provenance"]["images"] == 300
    assert "energy explained" in result.stdout
    assert load_limit(out)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_distances_of_samples_are_listed_and_drawn(tmp_path, rainbow):
    plot = tmp_path / "limit.png"
    run("limit", rainbow, *SMALL, "--no-control", "--widths", "1,2", "--draws", 1, "--pairs", 50, "--plot", plot,
        "--json", tmp_path / "limit.json")  # fmt: skip
    found = numbers(tmp_path / "limit.json")
    assert [(row["width"], row["layer"]) for row in found["distances"]] == [
        (width, layer) for width in (1.0, 2.0) for layer in ("1", "3", "output")
    ]
    assert [row["layer"] for row in found["rates"]] == ["1", "3", "output"]
    with Image.open(plot) as picture:
        assert len(set(picture.convert("L").resize((40, 30)).get_flattened_data())) > 10


def test_a_plot_without_samples_is_refused(tmp_path, rainbow):
    assert "--widths" in refused("limit", rainbow, "--plot", tmp_path / "limit.png")
