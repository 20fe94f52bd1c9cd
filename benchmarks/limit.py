"""The infinite-width network of a fitted rainbow against samples of growing width (theory, 8).

    python benchmarks/limit.py [--networks digits mlp cnn] [--device cuda] [--data-file cifar10.safetensors]

For each network: the accuracy of the limit for each alignment and number of landmarks, beside the trained network and
the white control; accuracy of Gaussian samples and their relative distance to the limit at each width, by layer and at
the output, with slopes, the theorem's bound and a figure; regression in the last layer's space; time per image, and
time and memory of a Gram matrix. `digits` is the perceptron 64–256–256–10 on scikit-learn's digits;
`mlp` and `cnn` are those of the authors' tutorial on grey CIFAR-10, whose images come from a folder in the Hugging Face
layout or from `--data-file`, which `benchmarks/tutorial.py --export` writes.
"""

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rainbownet as rn
from common import RESULTS, show, write_json
from limit_parts import accuracy, counter, distance, first, gram_cost, kernel_methods, outputs, unscaled_distance
from rainbownet.aligned import Alignment
from rainbownet.data import Images, load, loader
from rainbownet.errors import RainbowWarning
from rainbownet.experiments.markdown import spread
from rainbownet.limit import (
    LimitNetwork,
    convergence_rates,
    limit_distances,
)
from rainbownet.limit.convergence import OUTPUT
from rainbownet.nets import build
from rainbownet.plotting.distances import draw_distances
from rainbownet.training import RECIPES, Recipe, train
from tutorial import read_data

NETWORKS = {"digits": "digits_mlp", "mlp": "tutorial_mlp", "cnn": "tutorial_cnn"}
ALIGNMENTS: dict[str, Alignment] = {"rotation": rn.Procrustes(), "least squares": rn.LeastSquares()}
PROTOTYPE = {
    "digits": {"rotation": 97.6, "least squares": 98.4, "distances": [0.207, 0.124, 0.083, 0.063, 0.045, 0.033]},
    "cnn": {"rotation 256": 38.7, "rotation 1024": 39.3, "least squares 256": 57.4, "least squares 1024": 58.3},
}


def trained_network(kind: str, options: argparse.Namespace) -> tuple[nn.Module, Images, Images]:
    """Return a trained network with its training and test images."""
    if kind == "digits":
        train_images, test = (load("digits", split=split, mean=(0.3,), std=(1.0,)) for split in ("train", "test"))
        recipe = Recipe(epochs=60, lr=0.1, batch_size=64)
    else:
        train_images, test = read_data(options)
        recipe = replace(RECIPES["tutorial"], epochs=options.epochs)
    net = build(NETWORKS[kind], seed=options.train_seed)
    out = None if options.runs is None else options.runs / f"{kind}-{recipe.epochs}"
    train(net, train_images, recipe=recipe, seed=options.train_seed, device=options.device, out=out)
    return net.eval(), train_images.to(options.device), test.to(options.device)


def seconds_per_image(net: nn.Module, images: Images, batch: int) -> float:
    part = first(images, batch)
    outputs(net, part, batch)
    start = time.perf_counter()
    outputs(net, part, batch)
    if part.inputs.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / len(part.inputs)


def limit_of(rainbow: rn.Rainbow, batches: Any, landmarks: int, name: str, images: int, method: str) -> LimitNetwork:
    return rainbow.limit(
        batches,
        landmarks=landmarks,
        alignment=ALIGNMENTS[name],
        max_images=images,
        holdout=0.1,
        method=method,
    )


def run_network(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Compute limits and samples of one network."""
    net, train_images, test = trained_network(kind, options)
    test = test.some(options.test)
    train_images = train_images.some(len(train_images))
    batches = loader(train_images, batch_size=500, device=options.device)
    images = min(options.images, len(train_images))
    law = rn.Gaussian(mean=options.mean)
    rainbow = rn.fit(net, batches, law=law, draw="gaussian")
    controls = rainbow.white()
    trained = accuracy(outputs(net, test, options.batch), test)
    print(f"{kind}: trained {trained:.1f} %", flush=True)
    limits, curves, methods, cost, unscaled = [], [], {}, None, None
    for name in ALIGNMENTS:
        best: Tensor | None = None
        limit: LimitNetwork | None = None
        for landmarks in sorted(options.landmarks):
            start = time.perf_counter()
            limit = limit_of(rainbow, batches, landmarks, name, images, options.method)
            built = time.perf_counter() - start
            out = outputs(limit, test, options.batch)
            row = {
                "alignment": name,
                "landmarks": landmarks,
                "accuracy": accuracy(out, test),
                "layers": limit.table.drop(columns="held_out").to_dict("records"),
                "change": None if best is None else distance(best, out),
                "seconds_to_build": built,
                "seconds_per_image": seconds_per_image(limit, test, options.batch),
            }
            control = limit_of(controls, batches, landmarks, name, images, options.method)
            row["white"] = accuracy(outputs(control, test, options.batch), test)
            row["white_layers"] = control.table["energy_explained"].tolist()
            best = out
            limits.append(row)
            print(
                f"{kind}: {name}, {landmarks} landmarks {row['accuracy']:.1f}, white {row['white']:.1f}, energy "
                f"{[round(layer['energy_explained'], 3) for layer in row['layers']]} ({built:.0f} s)",
                flush=True,
            )
        assert limit is not None
        curves.append(_curve(kind, name, rainbow, batches, limit, test, images, options))
        if name == "rotation":
            unscaled = unscaled_distance(rainbow, batches, test, images, options)
            methods = kernel_methods(net, limit, train_images, test, min(options.kernel_images, len(train_images)))
            cost = gram_cost(limit, test, options.gram) if options.gram else None
    return {
        "trained": trained,
        "limits": limits,
        "samples": curves,
        "distance_at_x1_without_energy_scale": unscaled,
        "kernel_methods": methods,
        "gram": cost,
        "prototype": PROTOTYPE.get(kind),
    }


def _curve(
    kind: str,
    name: str,
    rainbow: rn.Rainbow,
    batches: Any,
    limit: LimitNetwork,
    test: Images,
    images: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Return distances of samples to the limit, by layer, their slopes, and accuracies; draw the figure."""
    widths = [w for w in options.widths if name == "rotation" or w <= options.widest_least_squares]
    inputs = test.normalise(test.inputs)
    table = limit_distances(
        rainbow,
        limit,
        batches,
        inputs,
        widths=widths,
        seeds=range(options.seeds),
        pairs=options.pairs,
        judge=lambda out: accuracy(out, test),
        progress=counter(f"{kind}: {name}, samples"),
        max_images=images,
        alignment=ALIGNMENTS[name],
        holdout=0.1,
    )
    rates = convergence_rates(table, limit, inputs[: options.pairs])
    picture = options.out / f"limit-{kind}-{name.replace(' ', '-')}.png"
    draw_distances(table, rates, picture, title=f"{kind}: samples reach the limit ({name})")
    found = table.groupby(["layer", "width"], sort=False)["distance"].mean().unstack("width")
    at_output = table[table["layer"] == OUTPUT].groupby("width", sort=False)["value"]
    times = [
        seconds_per_image(
            rainbow.sample(batches, width=w, seed=0, max_images=images, alignment=ALIGNMENTS[name]), test, options.batch
        )
        for w in widths
    ]
    return {
        "alignment": name,
        "widths": widths,
        "distances": {str(layer): row.tolist() for layer, row in found.iterrows()},
        "accuracies": [values.tolist() for _, values in at_output],
        "seconds_per_image": times,
        "rates": rates.to_dict("records"),
    }


def print_tables(results: dict[str, Any]) -> None:
    for kind, result in results.items():
        show(
            f"{kind}: limit, trained {result['trained']:.1f} %",
            ["alignment", "landmarks", "accuracy", "white", "energy explained", "change", "ms per image"],
            [
                [
                    row["alignment"],
                    row["landmarks"],
                    f"{row['accuracy']:.1f}",
                    f"{row['white']:.1f}",
                    " ".join(f"{layer['energy_explained']:.3f}" for layer in row["layers"]),
                    "" if row["change"] is None else f"{row['change']:.3f}",
                    f"{1e3 * row['seconds_per_image']:.2f}",
                ]
                for row in result["limits"]
            ],
        )
        lines = [
            [
                curve["alignment"],
                f"×{width:g}",
                spread(curve["accuracies"][k]),
                " ".join(f"{distances[k]:.3f}" for distances in curve["distances"].values()),
                f"{1e3 * curve['seconds_per_image'][k]:.2f}",
            ]
            for curve in result["samples"]
            for k, width in enumerate(curve["widths"])
        ]
        slopes = "; ".join(
            " ".join([curve["alignment"], *(f"{rate['slope']:.2f}" for rate in curve["rates"])])
            for curve in result["samples"]
        )
        columns = ["alignment", "width", "accuracy", "distances: layers, output", "ms per image"]
        show(f"{kind}: samples; slopes {slopes}", columns, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--landmarks", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--method", default="rpcholesky", help="how landmarks are chosen")
    parser.add_argument("--mean", action="store_true", help="laws with a mean, whose kernels take longer")
    parser.add_argument("--widths", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0])
    parser.add_argument("--widest-least-squares", type=float, default=8.0, help="whose cost is cubic in width")
    parser.add_argument("--images", type=int, default=4000, help="training images to align on")
    parser.add_argument("--test", type=int, default=2000, help="test images")
    parser.add_argument("--batch", type=int, default=100, help="images evaluated at a time")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each kind")
    parser.add_argument("--pairs", type=int, default=300, help="test images whose kernels are compared")
    parser.add_argument("--kernel-images", type=int, default=1000, help="training images of kernel regressions")
    parser.add_argument("--gram", type=int, default=0, help="measure a Gram matrix of so many images; 0 for none")
    parser.add_argument("--epochs", type=int, default=RECIPES["tutorial"].epochs, help="of the tutorial's networks")
    parser.add_argument("--train-seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="folder where trained networks are kept and found again")
    parser.add_argument("--data-file", type=Path, help="safetensors file that benchmarks/tutorial.py --export wrote")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results, limit-<network>.json")
    options = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False
    warnings.simplefilter("ignore", RainbowWarning)
    settings = {key: value for key, value in vars(options).items() if not isinstance(value, Path)}
    results = {}
    for kind in options.networks:
        began = time.perf_counter()
        results[kind] = run_network(kind, options)
        report = {"options": settings, "seconds": time.perf_counter() - began, "network": kind, **results[kind]}
        write_json(options.out / f"limit-{kind}.json", report, device=options.device)
    print_tables(results)


if __name__ == "__main__":
    main()
