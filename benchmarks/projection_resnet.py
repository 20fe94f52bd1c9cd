"""Joint against independent draws along residual streams with projection shortcuts: a ResNet-8 trained here.

    python benchmarks/projection_resnet.py [--widths 1 2 4] [--seeds 0 1 2]

Trains once, about a quarter of an hour on two cores, then samples; both can be stopped and go on. The network is He et
al.'s CIFAR ResNet with one basic block per stage and 1×1 convolutions with batch norm as shortcuts.
"""

import argparse
import json
import statistics
from pathlib import Path

import rainbownet as rn
from common import RESULTS, cifar10, percent, show, write_json
from rainbownet import data, nets, training
from rainbownet.training import Recipe

SETTINGS = {
    "published: independent, centred, rotation": rn.PAPER,
    "joint, centred, rotation": rn.PAPER.but(tie="joint"),
    "independent, mean, least squares": rn.BEST.but(tie="independent", draw="gaussian"),
    "joint, mean, least squares": rn.BEST.but(draw="gaussian"),
    "joint, mean, least squares, antithetic": rn.BEST,
}


PHASES = ((10, 0.1), (5, 0.05))
"""Epochs and peak learning rate of the two one-cycle schedules the network is trained by, one after the other."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=float, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=2000, help="to align on")
    parser.add_argument("--test-images", type=int, default=2000)
    parser.add_argument("--runs", type=Path, default=Path("runs") / "projection-resnet")
    parser.add_argument("--out", type=Path, default=RESULTS / "projection_resnet.json")
    parser.add_argument("--train-only", action="store_true")
    a = parser.parse_args()
    train, test = cifar10()
    network = nets.build("cifar_resnet", depth=8, shortcut="projection")
    for phase, (epochs, lr) in enumerate(PHASES):
        recipe = Recipe(
            epochs=epochs,
            lr=lr,
            schedule="onecycle",
            weight_decay=5e-4,
            batch_size=128,
            augment="cifar",
            channels_last=True,
        )
        network = training.train(network, train, recipe=recipe, out=a.runs / f"phase{phase}", test=test).network
    if a.train_only:
        return
    part = test.some(a.test_images)
    accuracy = {"all test images": percent(network, test)}
    accuracy["these test images"] = percent(network, part)
    images = list(data.loader(train.some(a.images), batch_size=500))
    settings = {"trained": accuracy, "images": a.images, "test_images": a.test_images, "seeds": a.seeds}
    before = json.loads(a.out.read_text()) if a.out.is_file() else {}
    rows = before["samples"] if all(before.get(key) == value for key, value in settings.items()) else []
    for name, preset in [*SETTINGS.items(), ("white control of least squares", None)]:
        rainbow = rn.fit(network, images, preset=preset or rn.BEST)
        rainbow = rainbow if preset else rainbow.white()
        for width in a.widths:
            if any((row["setting"], row["width"]) == (name, width) for row in rows):
                continue
            found = [percent(rainbow.sample(images, width=width, seed=seed), part) for seed in a.seeds]
            rows.append({"setting": name, "width": width, "accuracy": found})
            write_json(a.out, {**settings, "phases": PHASES, "samples": rows})
    table = []
    for name in [*SETTINGS, "white control of least squares"]:
        mine = {row["width"]: row["accuracy"] for row in rows if row["setting"] == name}
        table.append([name, *(f"{statistics.mean(v):.1f} ± {statistics.pstdev(v):.1f}" for v in mine.values())])
    show(f"trained {accuracy['these test images']:.1f} %", ["setting", *(f"×{w:g}" for w in a.widths)], table)


if __name__ == "__main__":
    main()
