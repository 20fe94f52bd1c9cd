"""What the benchmarks share: the command line they record and the files they write."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rainbownet.data.source import IMAGENET_MEAN, IMAGENET_STD, LUMA

PATH = Path(__file__).parent.parent / "benchmarks" / "common.py"


@pytest.fixture(scope="module")
def common():
    spec = importlib.util.spec_from_file_location("benchmarks_common", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recorded_command_names_no_folder_of_this_machine(common):
    command = common.command_line(["/a/b/lockstep.py", "--depths", "2", "--out", "/home/me/x.json"])
    assert command == "python benchmarks/lockstep.py --depths 2 --out x.json"


def test_a_result_that_is_no_json_leaves_the_old_file(common, tmp_path):
    path = tmp_path / "new" / "result.json"
    common.write_json(path, {"ratio": 5.0})
    with pytest.raises(ValueError, match="JSON"):
        common.write_json(path, {"ratio": float("nan")})
    written = json.loads(path.read_text())
    assert written["ratio"] == 5.0
    assert written["machine"]["threads"] >= 1


def test_a_data_folder_that_is_absent_is_none(common, tmp_path, monkeypatch):
    monkeypatch.setenv("RAINBOWNET_DATA", str(tmp_path))
    assert common.data_folder("cifar10") is None
    (tmp_path / "cifar10").mkdir()
    assert common.data_folder("cifar10") == tmp_path / "cifar10"


def test_grey_images_of_a_file_are_normalised_then_mixed(common, tmp_path):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (6, 3, 4, 4), generator=generator, dtype=torch.uint8)
    tensors = {
        f"{s}_{k}": v for s in ("train", "test") for k, v in (("inputs", inputs.clone()), ("targets", torch.arange(6)))
    }
    save_file(tensors, tmp_path / "cifar10.safetensors")
    train, test = common.cifar10(data_file=tmp_path / "cifar10.safetensors", grayscale=True)
    mean, std, luma = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD, LUMA))
    wanted = ((inputs / 255 - mean) / std * luma).sum(1, keepdim=True)
    torch.testing.assert_close(train.normalise(train.inputs), wanted)
    assert len(common.cifar10(data_file=tmp_path / "cifar10.safetensors", limit=4)[1]) == 4
    assert test.targets.tolist() == list(range(6))
