"""ImageNet: the whole way from a folder of pictures in its layout, resumed, and by several processes."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from cli.commands import numbers, refused, run
from data.streamed import write_pictures
from rainbownet.experiments import FIGURES
from rainbownet.experiments.context import Context
from rainbownet.experiments.imagenet import pictures, prepare
from rainbownet.experiments.scales import SCALES

pytest.importorskip("datasets")

MICRO = replace(
    SCALES["tiny"],
    name="micro",
    images=60,
    test=20,
    widths=(0.0625, 0.125),
    width_seeds=1,
    recipe=replace(SCALES["tiny"].recipe, epochs=1, batch_size=20),
    align=60,
    side=32,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("imagenet") / "imagenet-1k")


@pytest.mark.filterwarnings("ignore::rainbownet.errors.RainbowWarning")
@pytest.mark.slow
def test_the_verb_goes_from_pictures_to_a_page_and_trains_once(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(SCALES, "tiny", MICRO)
    arguments = ("imagenet", "--data", folder, "--runs", tmp_path / "runs", "-o", tmp_path / "out", "--device", "cpu")
    other = ("--checkpoint", "resnet18(width=0.0625)")
    run("reproduce", *arguments, *other, "--page", tmp_path / "page.md", "--json", tmp_path / "all.json")
    (content,) = numbers(tmp_path / "all.json")["figures"]
    assert content["command"] == "rainbownet reproduce imagenet --data imagenet-1k --scale micro"
    assert {row["layer"] for row in content["tables"]["resnet"]} > {"layer1.0.conv1", "layer4.1.conv2", "fc"}
    assert content["notes"][-1].startswith("resnet18(width=0.0625), on the same pictures: second over first")
    assert "(out/imagenet.png)" in (tmp_path / "page.md").read_text(encoding="utf-8")
    weights = sorted((tmp_path / "runs" / "imagenet").glob("*/model.safetensors"))
    assert len(weights) == 2
    before = [path.stat().st_mtime_ns for path in weights]
    prepare(Context(MICRO, tmp_path / "runs", large=str(folder), device="cpu", progress=False))
    assert [path.stat().st_mtime_ns for path in weights] == before


def test_it_asks_for_a_data_set():
    assert "--data" in refused("reproduce", "imagenet")


def test_held_out_pictures_are_those_of_validation(folder):
    images, test = pictures(Context(MICRO, folder.parent, large=str(folder)))
    assert (len(images), len(test)) == (60, 20)
    assert test.name == "imagenet-1k/validation"


def test_all_figures_leave_it_out():
    assert [name for name, figure in FIGURES.items() if figure.prepare is not None] == ["imagenet"]


@pytest.mark.slow
def test_processes_of_torchrun_train_together_and_the_first_writes(folder, tmp_path):
    script = (
        "from dataclasses import replace\n"
        "from rainbownet.__main__ import main\n"
        "from rainbownet.experiments.scales import SCALES\n"
        "tiny = SCALES['tiny']\n"
        "recipe = replace(tiny.recipe, epochs=1, batch_size=20)\n"
        "SCALES['tiny'] = replace(tiny, images=60, test=20, widths=(0.0625, 0.125), width_seeds=1, recipe=recipe, "
        "align=60, side=32)\n"
        "main()\n"
    )
    (tmp_path / "run.py").write_text(script)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(tmp_path / "run.py"), "reproduce", "imagenet", "--data", str(folder), "--device", "cpu"]
    command += ["--runs", str(tmp_path / "runs"), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert (out / "imagenet.json").is_file()
    for path in (tmp_path / "runs" / "imagenet").glob("*/model.safetensors"):
        assert all(torch.isfinite(value).all() for value in load_file(path).values())
