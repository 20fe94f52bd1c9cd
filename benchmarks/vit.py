"""Transformers of our own: trained, drawn in parts and as a whole at several widths, beside their controls.

    python benchmarks/vit.py [--network vit gpt digits_vit] [--widths 1 2 4] [--draws 3] [--kinds everything …]

`vit` is trained on CIFAR-10, `gpt` on the characters of Python's own reference, `digits_vit` on the digits, each by the
recipe of its name, as `rainbownet train` does (some minutes on one core; a folder `--runs` keeps the networks and every
row, so that the command goes on where it was stopped). Draws are aligned on training images (windows of the text), the
measure is the accuracy on test images, or the bits per character. The identity baseline has the trained neurons through
the same alignment, a white control no covariances. "Queries and keys" draws these alone, jointly or apart: the scores
of attention are their covariance (theory, 10). Paths lead to a network of another seed (`rainbownet.path`).
"""

import argparse
import json
import os
import time
import warnings
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rainbownet as rn
from common import RESULTS, data_folder, show, skip, write_json
from rainbownet.data import IMAGENET, Examples, Text, load, load_text
from rainbownet.ensemble import Member, train_ensemble
from rainbownet.errors import RainbowWarning
from rainbownet.files.write import write_text
from rainbownet.graph import folded_gains
from rainbownet.training import RECIPES, evaluate


@dataclass(frozen=True)
class Subject:
    """A network, and what it is trained on."""

    network: str
    recipe: str
    data: dict[str, Any]
    images: int
    tests: int

    def member(self, seed: int) -> Member:
        """Return what `rainbownet train NETWORK --recipe … --data …` trains; on CIFAR-10 with `--test-split none`."""
        large = self.data["source"] == "cifar10"
        scale: dict[str, Any] = {key: list(value) for key, value in IMAGENET.items()} if large else {}
        train, test = (self.data | {"split": split} | scale for split in ("train", "test"))
        return Member(self.network, RECIPES[self.recipe], seed, data=train, test=None if large else test)

    def load(self, split: str) -> Examples:
        """Return one part of the data."""
        given = {**self.member(0).data, "split": split}
        return load_text(**given) if self.network == "gpt" else load(**given)

    @property
    def heads(self) -> list[str]:
        """The modules of queries and values."""
        return [f"blocks.{i}.attention.{name}" for i in range(4) for name in ("query", "value")]


SUBJECTS = {
    "vit": Subject("vit", "vit", {"source": "cifar10"}, 1000, 1000),
    "gpt": Subject("gpt", "gpt", {"source": "topics"}, 1000, 720),
    "digits_vit": Subject("digits_vit", "digits", {"source": "digits"}, 1300, 497),
}

WHOLE = ("everything", "everything, white", "everything, rotations", "everything, rotations, white")
PARTS = ("hidden", "stream", "heads", "queries and keys", "queries and keys, apart", "everything, gains folded")
KINDS = (*WHOLE, *PARTS)
"""What is drawn; of the second line there are two thirds of the draws, and one at the largest width."""


class Drawer:
    """Draws networks of a trained one, by the name of a kind."""

    def __init__(self, subject: Subject, net: nn.Module, runs: Path) -> None:
        self.subject, self.runs = subject, runs
        train, test = subject.load("train"), subject.load("test")
        self.inputs = [train.normalise(train.some(subject.images, seed=1).inputs)]
        self.folder = runs / "draws"
        self.test = test.some(subject.tests)
        self.net = net
        self.rainbow = rn.fit(net, self.inputs)

    def measure(self, net: nn.Module) -> float:
        """Return the accuracy in %, or the bits per character."""
        score = evaluate(net, self.test, batch_size=250)
        return score.bits if isinstance(self.test, Text) else 100 * score.accuracy

    def row(self, kind: str, width: float, draws: int, *, stored: bool) -> dict[str, Any] | None:
        """Return the row of a kind and a width; draws in the folder are not made again, or are all there is."""
        seeds = [seed for seed in range(draws) if not stored or self._place(kind, width, seed).exists()]
        if not seeds:
            return None
        found = [self.draw(kind, width, seed) for seed in seeds]
        seconds = sum(own["seconds"] for own in found) / len(found)
        return {"draw": kind, "width": width, "values": [own["value"] for own in found], "seconds": seconds}

    def draw(self, kind: str, width: float, seed: int) -> dict[str, Any]:
        """Return what one draw reaches, from the folder if it is there."""
        place = self._place(kind, width, seed)
        if not place.exists():
            rainbow, how = self._source(kind)
            began = time.process_time()
            value = self.measure(rainbow.sample(self.inputs, width=width, seed=seed, **how))
            found = {"value": value, "seconds": time.process_time() - began}
            write_text(place, json.dumps(found), parents=True)
        return json.loads(place.read_text())

    def _place(self, kind: str, width: float, seed: int) -> Path:
        name = kind.replace(", ", "-").replace(" ", "_")
        return self.folder / f"{self.subject.network}-{name}-{width:g}-{seed}.json"

    def limit(self, landmarks: int) -> dict[str, Any]:
        """Return what the network of infinite width reaches, from the folder if it is there."""
        place = self.folder / f"{self.subject.network}-limit-{landmarks}.json"
        if not place.exists():
            began = time.process_time()
            net = self.rainbow.limit(self.inputs, landmarks=landmarks)
            found = {"landmarks": landmarks, "value": self.measure(net), "seconds": time.process_time() - began}
            write_text(place, json.dumps(found), parents=True)
        return json.loads(place.read_text())

    def _source(self, kind: str) -> tuple[Any, dict[str, Any]]:
        rainbow = self.rainbow
        if "folded" in kind:
            rainbow = rn.fit(folded_gains(rainbow.network).root, self.inputs)
        how: dict[str, Any] = {}
        if "rotations" in kind:
            how["alignment"] = "procrustes"
        if "apart" in kind:
            how["tie"] = "independent"
        if (what := kind.split(",")[0]) != "everything":
            how["layers"] = self._layers(what)
        return (rainbow.white() if "white" in kind else rainbow), how

    def _layers(self, what: str) -> list[str]:
        populations = [p for p in self.rainbow.network.populations if not p.frozen]
        stream = [p.name for p in populations if "positions" in p.slots]
        hidden = [p.name for p in populations if ".mlp." in p.name and p.name not in stream]
        queries = [p.name for p in populations if ".query" in p.name]
        heads = [p.name for p in populations if p.name not in (*stream, *hidden)]
        chosen = {"stream": stream, "hidden": hidden, "heads": heads}
        return sorted({name.partition("#")[0] for name in (chosen | {"queries and keys": queries})[what]})


def result_of(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train, draw and print."""
    subject = SUBJECTS[name]
    if subject.data["source"] == "cifar10":
        if (folder := data_folder("cifar10")) is None:
            skip("no cifar10 under RAINBOWNET_DATA or ../shared/data")
        os.environ["RAINBOWNET_DATA"] = str(folder.parent)
    pair = name in options.paths
    ensemble = train_ensemble(options.runs / name, [subject.member(seed) for seed in range(1 + pair)])
    drawer = Drawer(subject, ensemble.network(0), options.runs)
    recipe = RECIPES[subject.recipe]
    result: dict[str, Any] = {
        "network": name,
        "measure": "bits per character" if isinstance(drawer.test, Text) else "accuracy, %",
        "parameters": sum(p.numel() for p in drawer.net.parameters()),
        "epochs": recipe.epochs,
        "images": subject.images,
        "test_images": len(drawer.test),
        "trained": drawer.measure(drawer.net),
        "identity": drawer.measure(drawer.rainbow.sample(drawer.inputs, draw="identity")),
        "uniform": drawer.measure(uniform(drawer.net)),
        "share_drawn": drawer.rainbow.network.share_drawn,
        "rows": [],
    }
    for kind in options.kinds:
        for width in options.widths:
            fewer = 1 if width == max(options.widths) else -(-2 * options.draws // 3)
            row = drawer.row(kind, width, options.draws if kind in WHOLE else fewer, stored=options.stored)
            if row is None:
                continue
            result["rows"].append(row)
            print(f"{name}, {kind} ×{width:g}: {row['values']}, {row['seconds']:.1f} s", flush=True)
    if pair:
        result["path"] = walked(subject, ensemble, drawer, options.points)
        print(f"{name}: {result['path']['barriers']}", flush=True)
    if options.landmarks:
        result["limit"] = drawer.limit(options.landmarks)
        print(f"{name}: {result['limit']}", flush=True)
    means = {(row["draw"], row["width"]): sum(row["values"]) / len(row["values"]) for row in result["rows"]}
    table = [[kind, *(means.get((kind, width), "") for width in options.widths)] for kind in options.kinds]
    title = f"{name}, {result['measure']}: trained {result['trained']:.2f}, identity {result['identity']:.2f}"
    show(title, ["draw", *(f"×{width:g}" for width in options.widths)], table)
    return result


def walked(subject: Subject, ensemble: Any, drawer: Drawer, points: int) -> dict[str, Any]:
    """Return the barriers on the paths between two networks: errors in %, or bits per character."""
    kinds = ["unaligned", "permutation", "basis", "rotation", "sampled"]
    place = drawer.folder / f"{subject.network}-path-{points}.json"
    if place.exists():
        return json.loads(place.read_text())
    test = [(drawer.test.normalise(drawer.test.inputs), drawer.test.targets)]
    table = rn.path(ensemble.network(0), ensemble.network(1), drawer.inputs, test=test, kinds=kinds, points=points)
    barrier = rn.barriers(table).set_index("kind")
    found = {"points": table.to_dict("list"), "barriers": barrier.to_dict("index")}
    write_text(place, json.dumps(found), parents=True)
    return found


def uniform(net: nn.Module) -> nn.Module:
    """Return a network without queries: every token attends to all that it may see alike."""
    flat = deepcopy(net)
    for name, parameter in flat.named_parameters():
        if ".query." in name:
            parameter.data.zero_()
    return flat


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--widths", type=float, nargs="+", default=[1, 2, 4])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--paths", nargs="*", choices=list(SUBJECTS), default=["gpt", "digits_vit"])
    parser.add_argument("--landmarks", type=int, default=512, help="of each layer of the limit; 0 for none")
    parser.add_argument("--points", type=int, default=5, help="of a path")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--stored", action="store_true", help="only draws that the folder of runs holds")
    parser.add_argument("--runs", type=Path, default=Path("runs") / "vit")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results, one file for each network")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.network:
        result = result_of(name, options)
        if tuple(options.kinds) == KINDS:
            write_json(options.out / f"{name}.json", result)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RainbowWarning)  # few images for the widest readers
        main()
