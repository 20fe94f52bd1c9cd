"""What the benchmarks share: data, the machine they run on, and how results are written and shown."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file
from torch import nn

from rainbownet import record
from rainbownet.data import IMAGENET, Images, load
from rainbownet.data.source import IMAGENET_MEAN, IMAGENET_STD, LUMA
from rainbownet.files.write import write_file
from rainbownet.naming import load_weights
from rainbownet.nets import build
from rainbownet.training import evaluate

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def data_folder(name: str) -> Path | None:
    """Return the folder of a data set under `RAINBOWNET_DATA` (or `../shared/data`), None if it is absent."""
    folder = Path(os.environ.get("RAINBOWNET_DATA") or ROOT.parent / "shared" / "data") / name
    return folder if folder.is_dir() else None


def skip(reason: str) -> NoReturn:
    """End the benchmark, successfully, for want of something it needs."""
    print(f"skipped: {reason}")
    raise SystemExit(0)


def public_resnet20() -> nn.Module:
    """Return the public ResNet-20, in evaluation mode; end the benchmark without CIFAR-10 or the weights beside it."""
    folder = data_folder("cifar10")
    file = None if folder is None else folder.parents[1] / "weights" / "resnet20-cifar10.th"
    if file is None or not file.is_file():
        skip("no CIFAR-10 or no resnet20-cifar10.th: set RAINBOWNET_DATA")
    return load_weights(build("resnet20"), file).eval()


def machine(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Describe what a benchmark runs on: processor, cores and threads used, GPU, versions."""
    known, versions = record.machine(device), record.versions()
    described = {"cpu": known["processor"], "cores": known["cores"], "threads": known["threads"]}
    described |= {"torch": versions["torch"], "python": versions["python"]}
    return described | ({"gpu": known["gpu"]} if known["gpu"] else {})


def cifar10(
    *, data_file: Path | None = None, grayscale: bool = False, limit: int | None = None, images: int | None = None
) -> list[Images]:
    """Return training and test images of CIFAR-10, from a folder in the Hugging Face layout or one file of tensors.

    Args:
        data_file: What `tutorial.py --export` wrote, for machines without `datasets`.
        grayscale: Whether colours are mixed, after they are normalised, as `rainbownet.data.load` does.
        limit: How many of each, in random order; all by default.
        images: How many training images, in the order of the data set; all by default.
    """
    if data_file is not None:
        tensors = load_file(data_file)
        names = tuple(map(str, range(10)))
        given = ((tensors[f"{s}_inputs"], tensors[f"{s}_targets"].long()) for s in ("train", "test"))
        parts = [Images(*pair, names, "cifar10", IMAGENET_MEAN, IMAGENET_STD) for pair in given]
        parts = [grey(part) for part in parts] if grayscale else parts
    else:
        folder = data_folder("cifar10")
        if folder is None:
            skip("no cifar10 under RAINBOWNET_DATA or ../shared/data, and no --data-file")
        known = (("train", images), ("test", None))
        parts = [load(str(folder), split=split, grayscale=grayscale, limit=count, **IMAGENET) for split, count in known]
    return [part.some(limit) for part in parts] if limit else parts


def grey(colours: Images) -> Images:
    """Normalise colours and mix them into grey, as `rainbownet.data.load` does."""
    weights = torch.tensor(LUMA)[:, None, None]
    mixed = [(colours.normalise(part) * weights).sum(1, keepdim=True) for part in colours.inputs.split(4096)]
    return replace(colours, inputs=torch.cat(mixed), mean=(0.0,), std=(1.0,))


def percent(net: nn.Module, images: Images) -> float:
    """Return the accuracy in %."""
    return 100 * evaluate(net, images).accuracy


def command_line(arguments: Sequence[str] | None = None) -> str:
    """Return the command that was run, without the folders of absolute paths."""
    script, *options = sys.argv if arguments is None else arguments
    short = [Path(option).name if Path(option).is_absolute() else option for option in options]
    return " ".join(["python", f"benchmarks/{Path(script).name}", *short])


def write_json(path: Path, result: dict[str, Any], *, device: torch.device | str = "cpu") -> None:
    """Write a result with the machine and the command it comes from; a reader sees the whole file or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"command": command_line(), "machine": machine(device), **result}
    write_file(path, (json.dumps(whole, indent=2, allow_nan=False) + "\n").encode())


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers to the right."""
    table = Table(title=title, title_justify="left")
    for k, column in enumerate(columns):
        numeric = all(isinstance(row[k], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric or k else "left")
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    # A pipe has no width of its own; 80 columns would cut the tables.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table)
