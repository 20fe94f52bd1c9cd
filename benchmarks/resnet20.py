"""Rainbows of a public pretrained ResNet-20: which part of the method makes them classify, and at which width.

    python benchmarks/resnet20.py [--parts ladder widest widths smoothed laws layers wide] [--seeds 0 1 2]
        [--images 1500]

Parts:
    ladder: from the published method to ours, one change a row, at ×1, ×2 and ×4, with white controls; each also with a
        classifier retrained in closed form.
    widest: the first and the last of these at ×8, one seed.
    widths: our preset at widths chosen per stage and per population.
    smoothed: accuracy and copy score of smoothed laws at ×4, from trained neurons (h=0) to Gaussian (h=1).
    laws: accuracy and copy score at ×2 of Gaussians, mixtures, Kronecker and smoothed laws.
    layers: accuracy when one population alone is drawn, and when all up to one are.
    wide: the published method, ours and its white control at the widths of `--wide`, for a GPU.

Results are written after every draw, and a draw that is in the file is not done again: the run can be stopped at will.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import rainbownet as rn
from common import RESULTS, data_folder, show, skip, write_json
from rainbownet import data, nets, training
from rainbownet.naming import load_weights

ONE_RIDGE = rn.BEST.but(alignment=rn.LeastSquares(1e-3))
"""Our preset with one ridge for all layers: so all was measured but what says that ridges are chosen."""

LADDER = {
    "published: independent, centred, rotation": rn.PAPER,
    "+ mean": rn.PAPER.but(law=rn.Gaussian()),
    "+ joint": rn.PAPER.but(law=rn.Gaussian(), tie="joint"),
    "+ least squares": ONE_RIDGE.but(draw="gaussian"),
    "+ antithetic draws": ONE_RIDGE,
    "+ chosen ridges": rn.BEST,
}
CONTROLS = {
    "white, rotation": rn.PAPER.but(law=rn.Gaussian(), tie="joint"),
    "white, least squares": ONE_RIDGE,
    "white, chosen ridges": rn.BEST,
}
LAWS = {
    "Gaussian": rn.Gaussian(),
    "mixture, k = 4": rn.Mixture(k=4),
    "mixture, k by likelihood": rn.Mixture(k="held-out"),
    "Kronecker": rn.Kronecker(),
    "smoothed, h = 0.8": rn.Smoothed(h=0.8),
}


def per_population(streams: tuple[float, ...], hidden: tuple[float, ...]) -> dict[str, float]:
    """Return widths of the three residual streams and of the layers inside the blocks of each stage."""
    widths = dict(zip(("conv1", "layer2.0.conv2", "layer3.0.conv2"), streams, strict=True))
    return widths | {f"layer{s + 1}.{b}.conv1": hidden[s] for s in range(3) for b in range(3)}


WIDTHS: dict[str, float | dict[str, float]] = {
    "×4 everywhere": 4.0,
    "streams ×4, hidden ×8 / ×16 / ×32": per_population((4, 4, 4), (8, 16, 32)),
    "×4 / ×8 / ×8 by stage": {"layer1": 4, "layer2": 8, "layer3": 8, "conv1": 4},
    "×4 / ×8 / ×16 by stage": {"layer1": 4, "layer2": 8, "layer3": 16, "conv1": 4},
    "streams ×2, hidden ×8": per_population((2, 2, 2), (8, 8, 8)),
    "streams ×2, hidden ×4 / ×8 / ×16": per_population((2, 2, 2), (4, 8, 16)),
}


class Bench:
    """Draws, measures and remembers."""

    def __init__(self, a: argparse.Namespace) -> None:
        folder = data_folder("cifar10")
        weights = Path(a.weights) if a.weights else None if folder is None else folder.parents[1] / "weights"
        if folder is None or weights is None or not (file := weights / "resnet20-cifar10.th").is_file():
            skip(
                "no CIFAR-10 or no resnet20-cifar10.th: set RAINBOWNET_DATA, and --weights to the folder of the latter"
            )
        self.net = nets.build("resnet20")
        load_weights(self.net, file)
        self.net.to(a.device)
        train, test = (data.load(str(folder), split=split, **data.IMAGENET) for split in ("train", "test"))
        order = torch.randperm(len(test.targets), generator=torch.Generator().manual_seed(0))
        self.images = list(data.loader(train.subset(torch.arange(a.images)), batch_size=500, device=a.device))
        self.test = test.subset(order[: a.test_images]).to(a.device)
        self.device, self.wide = a.device, a.wide
        self.out, self.only = a.out, a.only
        self.draws: list[dict[str, Any]] = json.loads(a.out.read_text())["draws"] if a.out.is_file() else []
        self.settings = {"images": a.images, "test_images": a.test_images}
        self.trained = 100 * training.evaluate(self.net, self.test).accuracy

    def measure(
        self, part: str, name: str, preset: rn.Preset, *, white: bool = False, label: str, **options: Any
    ) -> None:
        """Draw one network and write down what it is worth."""
        key = {"part": part, "setting": name, "label": label, "seed": options.get("seed", 0)}
        if any(all(draw[k] == v for k, v in key.items()) for draw in self.draws):
            return
        start = time.perf_counter()
        rainbow = rn.fit(self.net, self.images, preset=preset)
        sample = (rainbow.white() if white else rainbow).draw(self.images, classifier="ridge", **options)
        seconds = time.perf_counter() - start
        aligned, retrained = self._accuracies(sample)
        least_rows = (sample.alignment["rows"] / sample.alignment["sampled_channels"]).min()
        row = key | {
            "accuracy": aligned,
            "ridge_classifier": retrained,
            "seconds": round(seconds, 1),
            "rows_per_channel": round(float(least_rows), 1),
            "held_out_error": dict(zip(sample.alignment["layer"], sample.alignment["error"].round(4), strict=True)),
        }
        if part in ("smoothed", "laws"):
            scores = sample.copy_scores().values()
            row["copy_score"] = statistics.mean(s.score for s in scores)
            row["copy_baseline"] = statistics.mean(s.baseline for s in scores)
        self.draws.append(row)
        print(f"{name:45s} {label:36s} seed {key['seed']}  {row['accuracy']:.2f}  {seconds:.0f} s", flush=True)
        write_json(self.out, {**self.settings, "trained": self.trained, "draws": self.draws}, device=self.device)

    @torch.no_grad()
    def _accuracies(self, sample: rn.Sample) -> tuple[float, float]:
        """Return the accuracies with the aligned and with the retrained classifier, from one pass over the images."""
        before, right = sample.aligned_classifier, torch.zeros(2)
        features: list[torch.Tensor] = []
        linear = sample.network.get_submodule("linear")
        linear.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
        for inputs, targets in data.loader(self.test, batch_size=250):
            retrained = sample.network(inputs)
            weight, offset = (before[f"linear.{name}"].to(inputs.device) for name in ("weight", "bias"))
            aligned = features.pop() @ weight.T + offset
            right += torch.tensor([float((logits.argmax(1) == targets).sum()) for logits in (aligned, retrained)])
        aligned, retrained = (round(v, 2) for v in (100 * right / len(self.test.targets)).tolist())
        return aligned, retrained

    def table(self, part: str) -> None:
        """Print mean ± spread of a part, a row per setting."""
        mine = [draw for draw in self.draws if draw["part"] == part]
        labels = list(dict.fromkeys(draw["label"] for draw in mine))
        rows = []
        for name in dict.fromkeys(draw["setting"] for draw in mine):
            for what in ("accuracy", "ridge_classifier"):
                cells = []
                for label in labels:
                    found = [d[what] for d in mine if (d["setting"], d["label"]) == (name, label)]
                    spread = f" ± {statistics.pstdev(found):.1f}" if len(found) > 1 else ""
                    cells.append(f"{statistics.mean(found):.1f}{spread}" if found else "")
                rows.append([name if what == "accuracy" else "  … classifier retrained", *cells])
        show(f"{part}: test accuracy, %; trained {self.trained:.1f}", ["setting", *labels], rows)


def ladder(bench: Bench, seeds: list[int]) -> None:
    for seed in seeds:
        for width in (1, 2, 4):
            for name, preset in LADDER.items():
                bench.measure("ladder", name, preset, label=f"×{width}", width=float(width), seed=seed)
            for name, preset in CONTROLS.items():
                bench.measure("ladder", name, preset, white=True, label=f"×{width}", width=float(width), seed=seed)


def widest(bench: Bench, seeds: list[int]) -> None:
    for name, preset in list(LADDER.items())[:5:4]:
        bench.measure("ladder", name, preset, label="×8", width=8.0, seed=seeds[0])
    name = "white, least squares"
    bench.measure("ladder", name, CONTROLS[name], white=True, label="×8", width=8.0, seed=seeds[0])


def widths(bench: Bench, seeds: list[int]) -> None:
    for label, width in WIDTHS.items():
        if bench.only not in label:
            continue
        for seed in seeds:
            bench.measure("widths", "chosen ridges", rn.BEST, label=label, width=width, seed=seed)
        bench.measure("widths", "white, chosen ridges", rn.BEST, white=True, label=label, width=width, seed=seeds[0])
    identity = rn.BEST.but(draw="identity")
    bench.measure("widths", "identity baseline", identity, label="×1", width=1.0, seed=seeds[0])


def smoothed(bench: Bench, seeds: list[int]) -> None:
    for h in (0.0, 0.25, 0.5, 0.8, 1.0):
        preset = ONE_RIDGE.but(law=rn.Smoothed(h=h), draw="orthogonal")
        bench.measure("smoothed", "smoothed law", preset, label=f"h={h:g}", width=4.0, seed=seeds[0])


def laws(bench: Bench, seeds: list[int]) -> None:
    for name, law in LAWS.items():
        for seed in seeds:
            bench.measure("laws", "chosen ridges", rn.BEST.but(law=law), label=name, width=2.0, seed=seed)


def layers(bench: Bench, seeds: list[int]) -> None:
    names = list(_populations(bench.net, bench.images))
    for k, name in enumerate(names):
        options: dict[str, Any] = {"label": name, "width": 2.0, "seed": seeds[0]}
        bench.measure("layers", "this one alone", ONE_RIDGE, layers=[name], **options)
        bench.measure("layers", "all up to this one", ONE_RIDGE, layers=names[: k + 1], **options)


def _populations(net: torch.nn.Module, images: list[Any]) -> Iterator[str]:
    yield from rn.fit(net, images).laws


def wide(bench: Bench, seeds: list[int]) -> None:
    bench.measure("wide", "identity baseline", rn.BEST.but(draw="identity"), label="×1", width=1.0, seed=seeds[0])
    for width in bench.wide:
        options = {"label": f"×{width:g}", "width": float(width)}
        for seed in seeds:
            for name in (next(iter(LADDER)), "+ antithetic draws"):
                bench.measure("wide", name, LADDER[name], seed=seed, **options)
            bench.measure("wide", "white, least squares", rn.BEST, white=True, seed=seed, **options)


PARTS = {
    "ladder": ladder,
    "widest": widest,
    "widths": widths,
    "smoothed": smoothed,
    "laws": laws,
    "layers": layers,
    "wide": wide,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[p for p in PARTS if p != "wide"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=1500, help="to align on")
    parser.add_argument("--test-images", type=int, default=1500)
    parser.add_argument("--only", default="", help="of the widths, those whose name holds this")
    parser.add_argument("--wide", type=float, nargs="+", default=[4.0, 8.0, 16.0, 32.0], help="widths of that part")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", help="folder of resnet20-cifar10.th; beside the data by default")
    parser.add_argument("--out", type=Path, default=RESULTS / "resnet20.json")
    a = parser.parse_args()
    bench = Bench(a)
    for part in a.parts:
        PARTS[part](bench, a.seeds)
    for part in dict.fromkeys("ladder" if part == "widest" else part for part in a.parts):
        bench.table(part)


if __name__ == "__main__":
    main()
