"""The command for GPUs: tasks in slices, what is kept between them, and data in parts."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("gpu")


@pytest.fixture
def tasks(gpu, monkeypatch):
    """Tasks of one command each: one ends, one takes longer than it may, one fails, one lacks something."""
    scripts = {
        "quick": "print('found')",
        "long": "import time; print('begun', flush=True); time.sleep(600)",
        "wrong": "raise SystemExit('it differs')",
        "lacking": "print('skipped: no CIFAR-10')",
    }

    def task(name):
        return gpu.Task(name, name, lambda device, out, toy: iter([["-c", scripts[name]]]))

    found = {name: task(name) for name in scripts}
    monkeypatch.setattr(gpu, "TASKS", tuple(found.values()))
    return found


def states(out):
    return {name: task["state"] for name, task in json.loads((out / "state.json").read_text())["tasks"].items()}


def test_a_task_that_is_done_is_not_done_again(gpu, tasks, tmp_path, capsys):
    gpu.run(device="cpu", only=["quick"], out=tmp_path)
    assert states(tmp_path) == {"quick": "done"}
    capsys.readouterr()
    gpu.run(device="cpu", only=["quick"], out=tmp_path)
    said = capsys.readouterr().out
    assert "quick" not in said
    assert said.startswith("left: long, wrong, lacking")


def test_a_slice_ends_in_time_and_says_what_is_left(gpu, tasks, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "SPARE", 0.0)
    gpu.run(device="cpu", only=["long"], minutes=0.1, out=tmp_path)
    assert states(tmp_path) == {"long": "cut"}
    assert "long" in capsys.readouterr().out.splitlines()[-1]


def test_a_failure_is_told_by_the_exit_code_and_tried_again(gpu, tasks, tmp_path, capsys):
    for _ in range(2):
        with pytest.raises(SystemExit) as left:
            gpu.run(device="cpu", only=["wrong"], out=tmp_path)
        assert left.value.code == 1
        assert "it differs" in capsys.readouterr().out
    assert states(tmp_path) == {"wrong": "failed"}


def test_what_lacks_its_data_is_skipped_not_done(gpu, tasks, tmp_path):
    gpu.run(device="cpu", only=["lacking"], out=tmp_path)
    assert states(tmp_path) == {"lacking": "skipped"}


def test_a_task_that_is_not_there_is_named(gpu, tmp_path):
    with pytest.raises(SystemExit, match=r"nothing.*numerics"):
        gpu.run(only=["nothing"], out=tmp_path)


def test_the_checks_of_large_matrices_hold_and_are_kept(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    checks = importlib.import_module("gpu_checks")
    out = tmp_path / "checks.json"
    checks.main(device="cpu", size=48, out=out)
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == len(checks.CHECKS)
    assert all(row["met"] for row in rows)
    monkeypatch.setattr(checks, "polar_factor", None)
    checks.main(device="cpu", size=48, out=out)
    assert json.loads(out.read_text())["rows"] == rows


def test_a_check_that_differs_is_not_met(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    checks = importlib.import_module("gpu_checks")
    right = checks.polar_factor
    monkeypatch.setattr(checks, "polar_factor", lambda given: 1.01 * right(given))
    with pytest.raises(SystemExit, match="polar factor"):
        checks.main(device="cpu", size=16, out=tmp_path / "checks.json")


def test_a_picture_of_wide_samples_is_drawn_from_their_file(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    figures = importlib.import_module("gpu_figures")
    assert figures.draw_wide(tmp_path) is None
    draws = [
        {"part": "wide", "setting": setting, "label": f"×{width}", "seed": seed, "accuracy": 50.0 + width + seed}
        for setting in ("ours", "white")
        for width in (4, 8)
        for seed in (0, 1)
    ]
    result = {"trained": 92.0, "images": 40, "machine": {"cpu": "x"}, "draws": draws}
    (tmp_path / "resnet20.json").write_text(json.dumps(result))
    assert figures.draw_wide(tmp_path).stat().st_size > 5000


def test_data_is_cut_into_parts_and_joined(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    parts = importlib.import_module("parts")
    (tmp_path / "data" / "cifar10").mkdir(parents=True)
    content = os.urandom(100_000)
    (tmp_path / "data" / "cifar10" / "train.parquet").write_bytes(content)
    parts.pack(tmp_path / "data", tmp_path / "parts", mib=0.03)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "parts").glob("part-*"))]
    assert len(sizes) > 3
    assert max(sizes) <= 0.03 * 2**20
    parts.unpack(tmp_path / "parts", tmp_path / "joined")
    assert (tmp_path / "joined" / "cifar10" / "train.parquet").read_bytes() == content
    (tmp_path / "parts" / "part-0001").write_bytes(b"cut")
    with pytest.raises(SystemExit, match="part-0001"):
        parts.unpack(tmp_path / "parts", tmp_path / "again")


@pytest.mark.slow
@pytest.mark.extra
def test_every_task_runs_at_a_toys_size(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "run", "--device", "cpu", "--toy"]
    done = subprocess.run([*command, "--minutes", "120", "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert set(states(tmp_path).values()) <= {"done", "skipped"}
