"""Several processes train the network that one process trains."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import rainbownet
from rainbownet.data import load
from rainbownet.training import Recipe, train

pytest.importorskip("accelerate")

RECIPE = Recipe(epochs=2, lr=0.1, batch_size=64, weight_decay=1e-4)


def run(out: Path | str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    images, test = load("digits", limit=300), load("digits", split="test", limit=101)
    return train(net, images, recipe=RECIPE, out=out, test=test, progress=False).network


CHILD = """
import sys
sys.path[:0] = sys.argv[1:3]
from test_processes import run
run(sys.argv[3])
from accelerate import PartialState
assert PartialState().num_processes == 2
"""


def test_two_processes_take_the_steps_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert rainbownet.__file__ is not None
    arguments = [str(Path(rainbownet.__file__).parents[1]), str(Path(__file__).parent), str(tmp_path / "two")]
    common = {
        "CUDA_VISIBLE_DEVICES": "",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
    }
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    one, two = run(tmp_path / "one").state_dict(), load_file(tmp_path / "two" / "model.safetensors")
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6)
    assert len((tmp_path / "two" / "log.jsonl").read_text().splitlines()) == RECIPE.epochs + 1
    last = [(tmp_path / name / "log.jsonl").read_text().splitlines()[-1] for name in ("one", "two")]
    a, b = (json.loads(line) for line in last)
    assert a["test_accuracy"] == b["test_accuracy"]
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
