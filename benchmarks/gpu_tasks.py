"""The tasks of `gpu.py`: what each is, and the resumable commands that do it, at full size and at a toy's."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common import data_folder

Commands = Iterator[list[str]]

TOY = """
from dataclasses import replace
from rainbownet.__main__ import main
from rainbownet.experiments.scales import SCALES
tiny = SCALES["tiny"]
SCALES["tiny"] = replace(
    tiny, images=120, test=60, widths=(0.0625, 0.09375, 0.125), width_seeds=1, align=120, vgg_width=0.0625,
    vgg_images=100, recipe=replace(tiny.recipe, epochs=1), vgg_recipe=replace(tiny.vgg_recipe, epochs=1),
)
main()
"""
"""The command line with a scale `tiny` of seconds."""


@dataclass(frozen=True)
class Task:
    """One thing to be found out.

    Attributes:
        name: Its name.
        what: What it finds out.
        commands: From the device, the folder of results and whether sizes are a toy's to arguments of Python.
    """

    name: str
    what: str
    commands: Callable[[str, Path, bool], Commands]

    def environment(self, device: str) -> dict[str, str]:
        """Return the variables its commands see: where data is and tests compute, and that TensorFloat32 is off."""
        found = data_folder("cifar10")
        data = {} if found is None else {"RAINBOWNET_DATA": str(found.parent)}
        return {**os.environ, **data, "RAINBOWNET_TEST_DEVICE": device, "NVIDIA_TF32_OVERRIDE": "0"}


def numerics(device: str, out: Path, toy: bool) -> Commands:
    chosen = ["-k", "polar or moments"] if toy else []
    yield ["-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/device", *chosen]


def large(device: str, out: Path, toy: bool) -> Commands:
    size = ["--size", "48"] if toy else []
    yield ["benchmarks/gpu_checks.py", "--device", device, "--out", str(out / "checks.json"), *size]


def scattering(device: str, out: Path, toy: bool) -> Commands:
    full = ["--widths", "1", "--epochs", "60", "--factors", "1", "2", "--images", "16384"]
    small = ["--widths", "0.03125", "--epochs", "1", "--factors", "1", "--limit", "64", "--images", "64"]
    small += ["--classifier-images", "64", "--block-epochs", "1", "--block-views", "1", "--batch-size", "16"]
    place = ["--runs", str(out / "scattering"), "--out", str(out / "cifar_scattering_skip.json")]
    sizes = small if toy else full
    yield ["benchmarks/cifar_scattering.py", "--device", device, "--net", "cifar_scattering", "--skip", *sizes, *place]


def resnet20(device: str, out: Path, toy: bool) -> Commands:
    sizes = ["--images", "40", "--test-images", "40", "--wide", "1"] if toy else ["--images", "3000"]
    seeds = ["--seeds", "0"] if toy else ["--seeds", "0", "1", "2"]
    place = ["--out", str(out / "resnet20.json")]
    yield ["benchmarks/resnet20.py", "--device", device, "--parts", "wide", *sizes, *seeds, *place]


def figure(name: str) -> Callable[[str, Path, bool], Commands]:
    """Return the commands of a figure at the scale `gpu`."""

    def commands(device: str, out: Path, toy: bool) -> Commands:
        program = ["-c", TOY] if toy else ["-m", "rainbownet"]
        scale = ["--scale", "tiny" if toy else "gpu"]
        place = ["--runs", str(out / "networks"), "--out", str(out / "figures"), "--json", str(out / f"{name}.json")]
        yield [*program, "reproduce", name, "--device", device, *scale, *place]

    return commands


TASKS = (
    Task("numerics", "the numerical tests on the device: float32, float64, complex; TensorFloat32 off", numerics),
    Task("large", "polar factors and samples at 4096² against the processor and the SVD", large),
    Task("scattering", "CIFAR-10 scattering with skip at s = 1 (published 91.6 trained, 81.4 drawn)", scattering),
    Task("resnet20", "samples of a public ResNet-20 at ×4, ×8, ×16, ×32", resnet20),
    Task("resnet18", "ResNet-18 of widths 1/8 to 4: convergence of activations", figure("alignment_error")),
    Task("universality", "VGGs of width 1 taught by several data sets and labels", figure("universality")),
)
