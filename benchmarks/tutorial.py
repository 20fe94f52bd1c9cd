"""The authors' tutorial, run again: its two networks, its way of sampling and ours, each beside its white control.

    python benchmarks/tutorial.py [--device cuda] [--seeds 3] [--images 10000] [--epochs 5]

Trains the perceptron and the convolutional network of the tutorial on CIFAR-10 (normalised by ImageNet's statistics,
then grey; SGD 0.01, momentum 0.9, batches of 128, 5 epochs), then samples them. A white control has the energy of the
trained weights but no covariance, and the same width, draw and alignment. Images come from a folder in the Hugging Face
layout, or from `--data-file`, which `--export` writes, where `datasets` is not installed.
"""

import argparse
import statistics
import time
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import rainbownet as rn
from common import RESULTS, cifar10, data_folder, percent, show, skip, write_json
from rainbownet.aligned import Alignment
from rainbownet.data import Images, Loader, load, loader
from rainbownet.errors import RainbowWarning
from rainbownet.experiments.published import TUTORIAL
from rainbownet.nets import build
from rainbownet.training import RECIPES, train

NETWORKS = {"mlp": "tutorial_mlp", "cnn": "tutorial_cnn"}
MOST_FEATURES_ON_CPU = 4000
"""Features at a flatten beyond which least squares on all of them takes minutes a draw on a processor."""


@dataclass(frozen=True)
class Method:
    """One way of sampling, at one width."""

    name: str
    law: rn.Gaussian
    alignment: Alignment
    draw: str
    width: float
    flatten: str = "channels"


def methods(kind: str, widths: list[float]) -> list[Method]:
    """Return what is compared for one network: the published method, ours, and what ours is made of."""
    paper, best = rn.PAPER, rn.BEST
    centred, full = rn.Gaussian(mean=False), rn.Gaussian(mean=True)
    flattens = ["channels", "features"] if kind == "cnn" else ["channels"]
    ridges = {f"ours, ridge {ridge:g}": rn.LeastSquares(ridge=ridge) for ridge in (1e-4, 1e-2, 1e-1)}
    ridges["ours, ridge 0.01 toward rotation"] = rn.LeastSquares(ridge=1e-2, toward="rotation")
    found = []
    for flatten in flattens:
        for width in widths:
            found.append(Method("published method", centred, paper.alignment, paper.draw, width, flatten))
            draws = ("gaussian", "orthogonal", "antithetic")
            found += [Method("ours", full, best.alignment, draw, width, flatten) for draw in draws]
    for width in widths:
        found.append(Method("rotation, with mean", full, paper.alignment, "gaussian", width))
        found.append(Method("least squares, centred", centred, best.alignment, "gaussian", width))
    found += [Method(name, full, alignment, "orthogonal", 4.0) for name, alignment in ridges.items()]
    return [method for method in found if method.width in widths]


def read_data(options: argparse.Namespace) -> tuple[Images, Images]:
    """Return the training and test images, grey."""
    train_images, test_images = cifar10(data_file=options.data_file, grayscale=True)
    return train_images, test_images


def export(path: Path) -> None:
    """Write CIFAR-10 as four tensors, for machines without `datasets`."""
    folder = data_folder("cifar10")
    if folder is None:
        skip("no cifar10 under RAINBOWNET_DATA or ../shared/data")
    tensors = {}
    for split in ("train", "test"):
        images = load(str(folder), split=split)
        tensors |= {f"{split}_inputs": images.inputs, f"{split}_targets": images.targets}
    save_file(tensors, path)
    print(f"{path}: {path.stat().st_size / 2**20:.0f} MiB")


def sampled(rainbow: rn.Rainbow, method: Method, batches: Loader, test: Images, options: Any) -> dict[str, Any]:
    """Sample one method with every seed and return accuracies and how good the alignment was."""
    accuracies, similarities, copies = [], [], []
    for seed in range(options.seeds):
        sample = rainbow.draw(
            batches,
            width=method.width,
            seed=seed,
            max_images=options.images,
            alignment=method.alignment,
            draw=method.draw,
            tie=rn.PAPER.tie if method.name == "published method" else rn.BEST.tie,
            flatten=method.flatten,
        )
        accuracies.append(percent(sample.network, test))
        similarities.append(sample.alignment["cosine"].tolist())
        if seed == 0:
            copies = list(sample.copy_scores().values())
    return {
        "accuracies": accuracies,
        "mean": statistics.mean(accuracies),
        "spread": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "held_out_similarity": [statistics.mean(layer) for layer in zip(*similarities, strict=True)],
        "copy_score": statistics.mean(score.score for score in copies),
        "copy_score_of_gaussian": statistics.mean(score.baseline for score in copies),
    }


def run_network(kind: str, train_images: Images, test: Images, options: Any) -> dict[str, Any]:
    """Train one network and sample it in every way."""
    began = time.perf_counter()
    net = build(NETWORKS[kind], seed=options.train_seed)
    out = None if options.runs is None else options.runs / f"{kind}-{options.epochs}"
    recipe = replace(RECIPES["tutorial"], epochs=options.epochs)
    train(net, train_images, recipe=recipe, seed=options.train_seed, device=options.device, out=out)
    trained = percent(net, test)
    trained_in = time.perf_counter() - began
    print(f"{kind}: trained {trained:.1f} % in {trained_in:.0f} s", flush=True)
    batches = loader(train_images, batch_size=500, device=options.device)
    laws = {law: rn.fit(net, batches, law=law) for law in (rn.Gaussian(mean=False), rn.Gaussian(mean=True))}
    exact = laws[rn.Gaussian()].sample(batches, draw="identity", alignment=rn.Procrustes(), max_images=options.images)
    rows = []
    for method in methods(kind, options.widths):
        if options.methods and method.name not in options.methods:
            continue
        features = round(1600 * method.width) if method.flatten == "features" else 0
        if options.device == "cpu" and features > MOST_FEATURES_ON_CPU:
            print(f"{kind}: {method.name} ×{method.width:g} on {features} features is left to a GPU")
            continue
        start = time.perf_counter()
        own = sampled(laws[method.law], method, batches, test, options)
        control = sampled(laws[method.law].white(), method, batches, test, options)
        row = {
            "method": method.name,
            "width": method.width,
            "draw": method.draw,
            "law": method.law.to_dict(),
            "alignment": method.alignment.to_dict(),
            "flatten": method.flatten,
            **own,
            "white": control,
            "seconds": time.perf_counter() - start,
        }
        rows.append(row)
        print(f"{kind}: {describe(method)} {own['mean']:.1f} white {control['mean']:.1f}", flush=True)
    return {
        "trained": trained,
        "identity_draw": percent(exact, test),
        "published": published(kind),
        "seconds_training": trained_in,
        "rows": rows,
    }


def published(kind: str) -> dict[str, float]:
    """Return the published accuracies of a network."""
    known = TUTORIAL[NETWORKS[kind]]
    return {"trained": known["trained"], "sampled": known["published method"]}


def describe(method: Method) -> str:
    return f"{method.name}, {method.draw}, {method.flatten} ×{method.width:g}"


def lookup(rows: list[dict[str, Any]], **wanted: Any) -> float | None:
    """Return the mean accuracy of the first row with these values, or None."""
    return next((row["mean"] for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def goals(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the claims of this benchmark with what was measured; without biases the preset draws orthogonally."""
    found = []
    for kind, published, flatten, goal in (("mlp", 31.0, "channels", 39.0), ("cnn", 40.0, "features", 54.0)):
        if kind not in results:
            continue
        rows = results[kind]["rows"]
        theirs = lookup(rows, method="published method", width=1.0, flatten=flatten)
        ours = lookup(rows, method="ours", width=4.0, draw="orthogonal", flatten="channels")
        for what, value, wanted, met in (
            ("published method ×1", theirs, f"{published:g} ± 2", theirs is not None and abs(theirs - published) <= 2),
            ("ours ×4", ours, f"≥ {goal:g}", ours is not None and ours >= goal),
        ):
            if value is not None:
                found.append({"network": kind, "what": what, "goal": wanted, "measured": value, "met": met})
    return found


def print_tables(results: dict[str, Any], claims: list[dict[str, Any]], seeds: int) -> None:
    for kind, result in results.items():
        lines = [
            [
                row["method"],
                row["draw"],
                row["flatten"],
                f"×{row['width']:g}",
                spread(row),
                spread(row["white"]),
                f"{min(row['held_out_similarity']):.3f}",
                f"{row['copy_score']:.2f} / {row['copy_score_of_gaussian']:.2f}",
            ]
            for row in result["rows"]
        ]
        title = (
            f"{kind}: trained {result['trained']:.1f} %, identity draw {result['identity_draw']:.1f} %, {seeds} draws"
        )
        headers = ["method", "draw", "flatten", "width", "accuracy", "white", "least similarity", "copy / Gaussian"]
        show(title, headers, lines)
    if claims:
        lines = [[c["network"], c["what"], c["goal"], f"{c['measured']:.1f}", c["met"]] for c in claims]
        show("Goals", ["network", "what", "goal", "measured", "met"], lines)


def spread(row: dict[str, Any]) -> str:
    return f"{row['mean']:.1f}" + ("" if row["spread"] is None else f" ± {row['spread']:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--epochs", type=int, default=RECIPES["tutorial"].epochs)
    parser.add_argument("--images", type=int, default=10_000, help="training images to align on")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each kind")
    parser.add_argument("--train-seed", type=int, default=0)
    parser.add_argument("--widths", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--methods", nargs="+", help="names of the methods to run; all by default")
    parser.add_argument("--runs", type=Path, help="folder where trained networks are kept and found again")
    parser.add_argument("--data-file", type=Path, help="safetensors file that --export wrote")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write CIFAR-10 to a safetensors file and stop")
    parser.add_argument("--out", type=Path, default=RESULTS / "tutorial.json")
    options = parser.parse_args()
    if options.export is not None:
        export(options.export)
        return
    torch.backends.cudnn.allow_tf32 = False
    # The widest flattened layers have more features than images: a result here, not a mistake.
    warnings.simplefilter("ignore", RainbowWarning)
    train_images, test = (images.to(options.device) for images in read_data(options))
    began = time.perf_counter()
    results = {kind: run_network(kind, train_images, test, options) for kind in options.networks}
    claims = goals(results) if options.epochs == RECIPES["tutorial"].epochs else []
    print_tables(results, claims, options.seeds)
    report = {
        "recipe": asdict(replace(RECIPES["tutorial"], epochs=options.epochs)),
        "images": {"train": len(train_images), "test": len(test), "alignment": options.images, "held_out": 0.1},
        "seeds": {"train": options.train_seed, "draws": list(range(options.seeds))},
        "seconds": time.perf_counter() - began,
        "goals": claims,
        "networks": results,
    }
    write_json(options.out, report, device=options.device)


if __name__ == "__main__":
    main()
