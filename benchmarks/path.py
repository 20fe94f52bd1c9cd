"""Barriers between two trained networks: as they are, permuted, rotated, and through networks of their common law.

    python benchmarks/path.py [--networks digits tutorial_cnn] [--points 9]

Trains two networks of each kind from two seeds (the tutorial's CNN on grey CIFAR-10 takes some minutes), then walks the
four paths of `rainbownet.path`. A barrier is the largest rise of the test error above the chord between its ends.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

import rainbownet as rn
from common import RESULTS, data_folder, show, write_json
from rainbownet import data, nets, training


def pair(name: str, runs: Path) -> tuple[list[torch.nn.Module], Any, Any] | None:
    """Return two trained networks and the images to align and to test on; nothing where the data is absent."""
    if name == "digits":
        train, test = data.load("digits", split="train"), data.load("digits", split="test")
        made = [nets.build("digits_cnn", seed=seed) for seed in (0, 1)]
        recipe = "digits"
    else:
        folder = data_folder("cifar10")
        if folder is None:
            print(f"skipped {name}: no CIFAR-10; set RAINBOWNET_DATA to a folder that holds cifar10")
            return None
        train, test = (
            data.load(str(folder), split=split, grayscale=True, **data.IMAGENET) for split in ("train", "test")
        )
        made = [nets.build(name, seed=seed) for seed in (0, 1)]
        recipe = "tutorial"
    trained = [
        training.train(net, train, recipe=recipe, seed=seed, out=runs / f"{name}-{seed}").network
        for seed, net in enumerate(made)
    ]
    return trained, train, test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["digits", "tutorial_cnn"])
    parser.add_argument("--points", type=int, default=9)
    parser.add_argument("--images", type=int, default=4000, help="to align on, at most")
    parser.add_argument("--test-images", type=int, default=5000, help="at most")
    parser.add_argument("--runs", type=Path, default=Path("runs") / "path")
    parser.add_argument("--out", type=Path, default=RESULTS / "path.json")
    a = parser.parse_args()
    results: dict[str, Any] = {}
    for name in a.networks:
        found = pair(name, a.runs)
        if found is None:
            continue
        (first, second), train, test = found
        images = train.some(a.images)
        judged = test.some(a.test_images)
        loader, tested = (list(data.loader(part, batch_size=500)) for part in (images, judged))
        table = rn.path(first, second, loader, test=tested, points=a.points)
        barrier = rn.barriers(table)
        results[name] = {"points": table.to_dict("list"), "barriers": barrier.set_index("kind").to_dict("index")}
        write_json(a.out, {"networks": results})
        ends = table.groupby("kind", sort=False)["accuracy"]
        rows = [
            [kind, *(f"{100 * v:.1f}" for v in (part.iloc[0], part.iloc[len(part) // 2], part.iloc[-1]))]
            for kind, part in ends
        ]
        for row, error in zip(rows, barrier["error"], strict=True):
            row.append(f"{100 * error:.1f}")
        show(f"{name}: accuracy along the path, %", ["path", "t=0", "t=½", "t=1", "barrier of the error"], rows)


if __name__ == "__main__":
    main()
