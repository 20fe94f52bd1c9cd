"""Alignments that starve: fixed ridges and rotations against what is chosen for each reader, with their companions.

    python benchmarks/starved.py [--parts resnet20 perceptron pooled] [--images 40 100 400 1500] [--seeds 3]

Parts:
    resnet20: a public pretrained ResNet-20 on CIFAR-10, Gaussian draws at ×2. A map gives many rows an image.
    perceptron: the tutorial's, 1024–512–256–10 on grey CIFAR-10, trained here, at ×2. One row an image.
    pooled: three convolutions, the last of 512 channels that are pooled, trained here on CIFAR-10, at ×2. The readers
        of maps have many rows an image, the classifier has one.

Two disjoint sets of test images: options are compared on the first (*validation*), the default is measured on the
second. A row a number of images and alignment: samples of several seeds, one
white control, the trained neurons through the same alignment (identity) with their agreement with the trained network,
the median chosen ridge and how many readers have the rotation. A row that is in the file is not measured again.
"""

import argparse
import json
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rainbownet as rn
from common import RESULTS, cifar10, percent, public_resnet20, show, write_json
from rainbownet import data, nets
from rainbownet.data import Images
from rainbownet.errors import RainbowWarning
from rainbownet.rainbow.companions import companions
from rainbownet.training import Recipe, train

ALIGNMENTS = {
    "chosen": rn.LeastSquares(),
    "ridge 0.001": rn.LeastSquares(1e-3),
    "ridge 0.01": rn.LeastSquares(1e-2),
    "ridge 0.1": rn.LeastSquares(1e-1),
    "rotation": rn.Procrustes(),
}
TESTED = ("chosen",)
"""What is measured on the test images as well: the default."""

WIDTH = 2.0


@dataclass(frozen=True)
class Task:
    """A trained network, images to align on in the order of the data set, and two disjoint sets to measure on."""

    net: nn.Module
    train: Images
    validation: Images
    test: Images


def split(images: Images, numbers: tuple[int, int]) -> tuple[Images, Images]:
    """Return two disjoint random sets of images."""
    order = torch.randperm(len(images.targets), generator=torch.Generator().manual_seed(0))
    first, second = numbers
    return images.subset(order[:first]), images.subset(order[first : first + second])


def resnet20(numbers: tuple[int, int]) -> Task:
    """Return the public network."""
    net = public_resnet20()
    images, test = cifar10()
    return Task(net, images, *split(test, numbers))


def perceptron(numbers: tuple[int, int]) -> Task:
    """Return the tutorial's perceptron, trained as the tutorial does."""
    images, test = cifar10(grayscale=True)
    net = nets.build("tutorial_mlp", seed=0)
    train(net, images, recipe="tutorial", seed=0, progress=False)
    return Task(net.eval(), images, *split(test, numbers))


def pooled(numbers: tuple[int, int]) -> Task:
    """Return a network whose classifier reads 512 pooled channels, trained on 6,000 images."""
    images, test = cifar10()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            *(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 128, 3, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU()),
            *(nn.Conv2d(128, 512, 3, 2, 1, bias=False), nn.BatchNorm2d(512), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)),
        )
    recipe = Recipe(epochs=3, lr=0.05, schedule="onecycle", weight_decay=5e-4, batch_size=128)
    train(net, images.some(6000), recipe=recipe, seed=0, progress=False)
    return Task(net.eval(), images, *split(test, numbers))


PARTS: dict[str, Callable[[tuple[int, int]], Task]] = {
    "resnet20": resnet20,
    "perceptron": perceptron,
    "pooled": pooled,
}


def rows(task: Task, images: list[int], names: list[str], seeds: int, known: set[Any]) -> Iterator[dict[str, Any]]:
    """Draw and measure, a row a number of images and alignment."""
    for number in images:
        batches = list(data.loader(task.train.subset(torch.arange(number)), batch_size=500))
        rainbow = rn.fit(task.net, batches)
        for name in names:
            if (number, name) not in known:
                with warnings.catch_warnings():
                    # Few rows are what is measured.
                    warnings.filterwarnings("ignore", "layer ", RainbowWarning)
                    yield {"images": number, "alignment": name, **measured(rainbow, batches, task, name, seeds)}


def measured(rainbow: rn.Rainbow, batches: list[Any], task: Task, name: str, seeds: int) -> dict[str, Any]:
    """Draw samples, the identity baseline and a white control, and measure them."""
    drawn = [rainbow.draw(batches, width=WIDTH, seed=seed, alignment=ALIGNMENTS[name]) for seed in range(seeds)]
    beside = drawn[0].companions
    assert beside is not None
    identity, white = beside.identity().network, beside.white().network
    found = {}
    for part in ("validation", "test") if name in TESTED else ("validation",):
        images = getattr(task, part)
        table = companions({"trained": task.net, "identity": identity, "white": white}, images).set_index("network")
        found[part] = {
            **{key: round(100 * float(table.loc[key, "accuracy"]), 2) for key in table.index},
            "agreement": round(100 * float(table.loc["identity", "agreement"]), 2),
            "samples": [round(percent(sample.network, images), 2) for sample in drawn],
        }
    table = drawn[0].alignment
    return {
        **found,
        "median_ridge": _finite(table["ridge"].median()),
        "toward_rotation": int((table["toward"] == "rotation").sum()),
        "rotations": int(table["ridge"].map(math.isinf).sum()) if "chosen" in name else None,
        "readers": len(table),
        "least_rows": int(table["rows"].min()),
        "most_channels": int(table["sampled_channels"].max()),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--alignments", nargs="+", choices=ALIGNMENTS, default=list(ALIGNMENTS))
    parser.add_argument("--images", type=int, nargs="+", default=[40, 100, 400, 1500], help="to align on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validation-images", type=int, default=500)
    parser.add_argument("--test-images", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULTS / "starved.json")
    a = parser.parse_args()
    found: dict[str, dict[str, Any]] = json.loads(a.out.read_text())["parts"] if a.out.is_file() else {}
    numbers = {"validation_images": a.validation_images, "test_images": a.test_images}
    for part in a.parts:
        own = found.setdefault(part, {**numbers, "rows": []})["rows"]
        known = {(row["images"], row["alignment"]) for row in own}
        if {(number, name) for number in a.images for name in a.alignments} - known:
            task = PARTS[part]((a.validation_images, a.test_images))
            for row in rows(task, a.images, a.alignments, a.seeds, known):
                own.append(row)
                print(part, row, flush=True)
                own.sort(key=lambda row: (row["images"], list(ALIGNMENTS).index(row["alignment"])))
                write_json(a.out, {"seeds": a.seeds, "width": WIDTH, "parts": found})
        body = [
            [
                row["images"],
                row["alignment"],
                *(str(row["validation"][key]) for key in ("identity", "samples", "white")),
            ]
            for row in own
        ]
        show(f"{part}: accuracy on validation images, %", ["images", "alignment", "identity", "samples", "white"], body)


if __name__ == "__main__":
    main()
