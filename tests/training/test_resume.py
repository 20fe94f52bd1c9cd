"""A run that is killed, at any moment, ends with the weights of one that was not."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import rainbownet.files.tensors as tensors
import rainbownet.training.run as module
from rainbownet.data import load
from rainbownet.errors import FileError
from rainbownet.naming import load_weights
from rainbownet.training import Recipe, train

RECIPE = Recipe(epochs=4, lr=0.1, schedule="onecycle", batch_size=100, augment="cifar", checkpoints=(0, 2, 4))


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 10)
        )


def run(out: Path, recipe: Recipe = RECIPE) -> nn.Module:
    return train(network(), load("digits", limit=300), recipe=recipe, out=out, seed=3, progress=False).network


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


class Killed(BaseException):
    """Stands for a kill: nothing of the library catches it."""


@pytest.mark.parametrize("call", ["replace", "save_file"])
def test_death_at_any_write_changes_nothing(tmp_path, monkeypatch, call):
    whole = run(tmp_path / "whole").state_dict()
    owner = os if call == "replace" else tensors
    original = getattr(owner, call)
    for moment in range(100):
        left = [moment]

        def dying(*args, left=left, **kwargs):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return original(*args, **kwargs)

        out = tmp_path / f"killed-{moment}"
        monkeypatch.setattr(owner, call, dying)
        try:
            run(out)
        except Killed:
            monkeypatch.setattr(owner, call, original)
        else:
            break
        assert equal(run(out).state_dict(), whole)
        assert equal(load_file(out / "model.safetensors"), whole)
        assert not list(out.rglob("*.tmp"))
        rows = [json.loads(line)["epoch"] for line in (out / "log.jsonl").read_text().splitlines()]
        assert rows == [0, 1, 2, 3, 4]
        assert sorted(path.name for path in (out / "epochs").iterdir() if path.suffix == ".safetensors") == [
            "0000.safetensors",
            "0002.safetensors",
            "0004.safetensors",
        ]
    assert moment > 8


CHILD = """
import sys
sys.path[:0] = sys.argv[1:3]
import time
import torch
torch.set_num_threads(int(sys.argv[3]))
import rainbownet.training.run as module
from test_resume import LONG, run
original = module.run_epoch
module.run_epoch = lambda *arguments: (time.sleep(0.02), original(*arguments))[1]  # outlives the longest delay
run(sys.argv[4], LONG)
"""
LONG = Recipe(epochs=40, lr=0.05, batch_size=50, augment="cifar")


def test_a_process_killed_at_a_random_moment_resumes_to_the_same_weights(tmp_path):
    paths = [str(Path(tensors.__file__).parents[2]), str(Path(__file__).parent), str(torch.get_num_threads())]
    out = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", CHILD, *paths, str(out)])
    deadline = time.monotonic() + 60
    while not (out / "state.safetensors").exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    delay = secrets.randbelow(500) / 1000
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, f"the child ended before its kill after {delay} s"
    resumed, whole = run(out, LONG), run(tmp_path / "whole", LONG)
    assert equal(resumed.state_dict(), whole.state_dict()), f"killed after {delay} s"


def test_a_run_by_adamw_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    recipe = replace(RECIPE, optimizer="adamw", lr=0.01)
    whole, original = run(tmp_path / "whole", recipe).state_dict(), module.run_epoch

    def dying(net, optimizer, batches, recipe, epoch, advance):
        if epoch == 3:
            raise Killed
        return original(net, optimizer, batches, recipe, epoch, advance)

    monkeypatch.setattr(module, "run_epoch", dying)
    with pytest.raises(Killed):
        run(tmp_path / "stopped", recipe)
    monkeypatch.setattr(module, "run_epoch", original)
    assert equal(run(tmp_path / "stopped", recipe).state_dict(), whole)


def test_a_run_from_before_there_was_a_choice_of_optimizer_is_still_this_run(tmp_path):
    run(tmp_path)
    assert "optimizer" not in json.loads((tmp_path / "run.json").read_text())["recipe"]


def test_a_finished_run_is_read_back_not_repeated(tmp_path, monkeypatch):
    first = run(tmp_path)
    assert not (tmp_path / "state.safetensors").exists()
    monkeypatch.setattr("rainbownet.training.run.run_epoch", lambda *_: pytest.fail("it trained again"))
    assert equal(run(tmp_path).state_dict(), first.state_dict())


def test_kept_epochs_are_networks_that_load(tmp_path):
    final = run(tmp_path)
    initial = load_weights(network(), tmp_path / "epochs" / "0000.safetensors")
    assert equal(initial.state_dict(), network().state_dict())
    assert equal(load_weights(network(), tmp_path / "epochs" / "0004.safetensors").state_dict(), final.state_dict())


def test_another_run_in_the_same_directory_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(FileError, match=r"holds another run: its recipe is .*choose another directory"):
        run(tmp_path, Recipe(epochs=1, lr=0.1))


def test_other_images_in_the_same_directory_are_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(FileError, match="holds another run: its data is"):
        train(network(), load("digits", limit=300, seed=1), recipe=RECIPE, out=tmp_path, seed=3, progress=False)


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{broken")
    with pytest.raises(FileError, match=r"run\.json: not valid JSON"):
        run(tmp_path)
