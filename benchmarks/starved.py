"""Alignments that starve: fixed ridges against the chosen one, each beside its identity baseline and white control.

    python benchmarks/starved.py [--parts resnet20 perceptron] [--images 40 100 400 1500] [--test-images 1000]

Parts:
    resnet20: a public pretrained ResNet-20 on CIFAR-10, Gaussian draws at ×2. A map gives many rows an image.
    perceptron: 1024–1024–512–10 on grey CIFAR-10, trained here, at ×2. One row an image: fewer rows than channels.

A row a number of images and alignment: accuracy of the sample, of the trained neurons through the same alignment
(identity) with their agreement with the trained network, and of the white control, on random test images; the median
chosen ridge and how many readers shrink toward the rotation. A row that is in the file is not measured again.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rainbownet as rn
from common import RESULTS, cifar10, data_folder, show, skip, write_json
from rainbownet import data, nets
from rainbownet.data import Images
from rainbownet.errors import RainbowWarning
from rainbownet.naming import load_weights

ALIGNMENTS = {
    "auto": rn.LeastSquares("auto", "auto"),
    "0.001": rn.LeastSquares(1e-3),
    "0.01": rn.LeastSquares(1e-2),
    "0.1": rn.LeastSquares(1e-1),
}


def random_subset(images: Images, number: int) -> Images:
    """Return some images, drawn once."""
    return images.subset(torch.randperm(len(images.targets), generator=torch.Generator().manual_seed(0))[:number])


def resnet20(test_images: int) -> tuple[nn.Module, Images, Images]:
    """Return the network, and images to align and to test on."""
    folder = data_folder("cifar10")
    file = None if folder is None else folder.parents[1] / "weights" / "resnet20-cifar10.th"
    if folder is None or file is None or not file.is_file():
        skip("no CIFAR-10 or no resnet20-cifar10.th: set RAINBOWNET_DATA")
    net = nets.build("resnet20")
    load_weights(net, file)
    train, test = (data.load(str(folder), split=split, **data.IMAGENET) for split in ("train", "test"))
    return net, train, random_subset(test, test_images)


def perceptron(test_images: int) -> tuple[nn.Module, Images, Images]:
    """Return the network, trained for three epochs with Adam, and images to align and to test on."""
    train, test = cifar10(grayscale=True)
    net = nets.build("tutorial_mlp", width=2, seed=0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(3):
        for chosen in torch.randperm(len(train.targets), generator=order).split(256):
            part = train.subset(chosen)
            inputs, targets = next(iter(data.loader(part, batch_size=256)))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), targets).backward()
            optimizer.step()
    return net.eval(), train, random_subset(test, test_images)


PARTS = {"resnet20": resnet20, "perceptron": perceptron}


def rows(net: nn.Module, train: Images, test: Images, images: list[int], known: set[Any]) -> Iterator[dict[str, Any]]:
    """Draw and measure, a row a number of images and alignment."""
    for number in images:
        batches = list(data.loader(train.subset(torch.arange(number)), batch_size=500))
        rainbow = rn.fit(net, batches)
        for name, alignment in ALIGNMENTS.items():
            if (number, name) in known:
                continue
            began = time.perf_counter()
            with warnings.catch_warnings():
                # Few rows are what is measured.
                warnings.filterwarnings("ignore", "layer ", RainbowWarning)
                sample = rainbow.draw(batches, width=2.0, alignment=alignment)
                seconds = time.perf_counter() - began
                table = sample.baselines(test).set_index("network")
            yield {
                "images": number,
                "ridge": name,
                **{key: round(100 * table.loc[key, "accuracy"], 2) for key in table.index},
                "identity_agreement": round(100 * table.loc["identity baseline", "agreement"], 2),
                "median_ridge": _finite(sample.alignment["ridge"].median()),
                "toward_rotation": int((sample.alignment["toward"] == "rotation").sum()),
                "readers": len(sample.alignment),
                "least_rows": int(sample.alignment["rows"].min()),
                "draw_seconds": round(seconds, 1),
            }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--images", type=int, nargs="+", default=[40, 100, 400, 1500], help="to align on")
    parser.add_argument("--test-images", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULTS / "starved.json")
    a = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = json.loads(a.out.read_text())["parts"] if a.out.is_file() else {}
    for part in a.parts:
        own = found.setdefault(part, [])
        known = {(row["images"], row["ridge"]) for row in own}
        for row in rows(*PARTS[part](a.test_images), a.images, known):
            own.append(row)
            print(part, row, flush=True)
            write_json(a.out, {"test_images": a.test_images, "seed": 0, "width": 2, "parts": found})
        keys = ["images", "ridge", "trained", "identity baseline", "identity_agreement", "sample", "white control"]
        show(f"{part}: test accuracy, %", keys, [[row[key] for key in keys] for row in own])


if __name__ == "__main__":
    main()
