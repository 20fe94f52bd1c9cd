"""Learned scattering networks on CIFAR-10: trained, sampled by the published method and by ours, classifiers retrained.

    python benchmarks/cifar_scattering.py [--device cuda] [--net cifar_scattering] [--skip] [--widths 0.25 0.5 1 2 4]
        [--epochs 16] [--batch-size 256] [--data-file cifar10.safetensors] [--budget-minutes 9] [--out result.json]

Every width is trained (one-cycle, flips and crops), then its rainbows are drawn at ×1, ×2 and ×4 (×1 alone for the
widest): all 1×1 matrices but the last, which belongs to the classifier as in the paper. Each method stands beside its
white control. The classifier is the aligned one, or retrained on the sampled features: its linear map by ridge or
logistic regression (training images, not augmented), or, as published, its whole block with the linear map by
gradient descent (`block`, augmented images).

The result is written after every step and trained networks are kept under `--runs`: the same command goes on where it
was stopped. `--data-file` is what `tutorial.py --export` writes, for machines without `datasets`.
"""

import argparse
import json
import time
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rainbownet as rn
from cifar_scattering_parts import Clock, accuracies, fast_products, last_block, percent, recipe_of, retrained_block
from common import RESULTS, cifar10, show, write_json
from rainbownet.data import Images, loader
from rainbownet.errors import RainbowWarning
from rainbownet.experiments.published import RESAMPLED
from rainbownet.nets import build
from rainbownet.training import train
from rainbownet.walk.plan import default_budget, default_images

PUBLISHED = {
    width: {"trained": v["trained"], "rainbow": v["rainbow"], "rainbow, block retrained": v["retrained"]}
    for width, v in RESAMPLED.items()
    if width >= 0.25
}
"""Published figures: cifar_scattering with skip, 150 epochs, sampled at the trained width."""

METHODS: dict[str, tuple[rn.Preset, bool]] = {
    "published method": (rn.PAPER, False),
    "published method, white": (rn.PAPER, True),
    "ours, gaussian": (rn.BEST.but(draw="gaussian"), False),
    "ours, gaussian, white": (rn.BEST.but(draw="gaussian"), True),
    "ours, antithetic": (rn.BEST, False),
}
"""Ours: means in the law and least squares. White: same energy and alignment, covariances replaced by the identity."""


def read_data(options: argparse.Namespace) -> tuple[Images, Images]:
    """Return training and test images on the device."""
    train_images, test = cifar10(data_file=options.data_file, limit=options.limit)
    return train_images.to(options.device), test.to(options.device)


def trained(options: argparse.Namespace, width: float, data: tuple[Images, Images]) -> tuple[nn.Module, dict[str, Any]]:
    """Train a width, or read it back."""
    net = build(options.net, width=width, seed=options.seed, **({"skip": True} if options.skip else {}))
    with fast_products():
        history = train(
            net,
            data[0],
            recipe=recipe_of(options, options.epochs, options.lr),
            out=folder_of(options, width),
            seed=options.seed,
            device=options.device,
        )
    seconds = sum(row["seconds"] for row in history.rows)
    net.to(options.device)
    return net, {"trained": percent(net, data[1]), "epochs": options.epochs, "minutes": round(seconds / 60, 2)}


def folder_of(options: argparse.Namespace, width: float) -> Path:
    name = f"{options.net}{'-skip' if options.skip else ''}-{width:g}-{options.epochs}"
    name += f"-{options.augment}" if options.augment != "cifar" else ""
    return options.runs / (f"{name}-seed{options.seed}" if options.seed else name)


def images_to_align(rainbow: rn.Rainbow, factor: float, most: int) -> int:
    """Return as many images as the widths ask for and the memory for activations holds."""
    network = rainbow.network
    shapes = [shape for shape in network.shapes.values() if isinstance(shape, tuple)]
    numbers = max(torch.Size(shape).numel() for shape in shapes) / len(network.example)
    size = 8 if any(value.is_complex() for value in network.parameters.values()) else 4
    held = int(default_budget(network.example) / (size * numbers * (1 + factor)))
    return min(most, max(256, min(held, round(factor * default_images(network)))))


def sampled(
    options: argparse.Namespace, net: nn.Module, method: str, factor: float, data: tuple[Images, Images]
) -> dict[str, Any]:
    """Draw one network and measure it."""
    began = time.perf_counter()
    if torch.device(options.device).type == "cuda":
        # What training left cached would count as taken when memory for activations is planned.
        torch.cuda.empty_cache()
    preset, white = METHODS[method]
    batches = loader(data[0], batch_size=256, shuffle=True, augment="cifar", seed=options.seed)
    rainbow = rn.fit(net, batches, preset=preset, head=[f"block{last_block(net)}", "classifier.linear"])
    rainbow = rainbow.white() if white else rainbow
    images = images_to_align(rainbow, factor, min(options.images, len(data[0])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RainbowWarning)
        sample = rainbow.draw(batches, width=factor, seed=options.seed, max_images=images)
    row: dict[str, Any] = {
        "method": method,
        "factor": factor,
        "images": images,
        **accuracies(options, sample.network, data),
        "seconds": round(time.perf_counter() - began, 1),
        "rows per channel": round(float((sample.alignment["rows"] / sample.alignment["sampled_channels"]).min()), 1),
        "held-out error": [round(float(error), 4) for error in sample.alignment.get("error", [])],
    }
    if factor == 1 and options.block_epochs:
        row["block"] = retrained_block(options, sample.network, data)
    return row


def print_table(options: argparse.Namespace, widths: dict[str, Any]) -> None:
    """Show every sample beside the trained network and the published figures."""
    for key, result in widths.items():
        title = f"{options.net}{' (skip)' if options.skip else ''}, width {key}: trained {result['trained']} %"
        title += f" ({result['epochs']} epochs, {result['minutes']} minutes)"
        rows = [
            [
                r["method"],
                f"×{r['factor']:g}",
                r["accuracy"],
                r["ridge"],
                r["logistic"],
                r.get("block", ""),
                r["images"],
            ]
            for r in result["samples"]
        ]
        if options.net == "cifar_scattering" and float(key) in PUBLISHED:
            known = PUBLISHED[float(key)]
            retrained = known["rainbow, block retrained"]
            label = f"published: trained {known['trained']}"
            rows.append([label, "×1", known["rainbow"], "", "", retrained, ""])
        columns = ["method", "width", "aligned %", "ridge %", "logistic %", "block %", "images"]
        show(title, columns, rows)


def run(options: argparse.Namespace) -> None:
    """Train every width, then draw the samples, narrow ones first; write the result after each step."""
    data = read_data(options)
    names = ("net", "skip", "epochs", "batch_size", "lr", "seed", "limit", "images", "classifier_images")
    names += ("augment", "block_epochs", "block_views")
    settings = {name: getattr(options, name) for name in names}
    result: dict[str, Any] = {"settings": settings, "published (cifar_scattering, skip)": PUBLISHED, "widths": {}}
    if options.out.exists():
        found = json.loads(options.out.read_text())
        result["widths"] = found["widths"] if found.get("settings") == settings else {}
    clock = Clock(options.budget_minutes)
    left_out: list[str] = []
    nets: dict[float, nn.Module] = {}
    for width in options.widths:
        fresh = not (folder_of(options, width) / "model.safetensors").exists()
        if fresh and not clock.left(seconds=clock.guess(width)):
            left_out.append(f"width {width:g}")
            continue
        nets[width], about = trained(options, width, data)
        if fresh:
            clock.known = (width, 60 * about["minutes"])
        known = result["widths"].setdefault(f"{width:g}", {"samples": []})
        known |= about
        write_json(options.out, result, device=options.device)
        print(f"width {width:g}: trained {about['trained']} % in {about['minutes']} minutes", flush=True)
    for factor, width, method in product(options.factors, nets, options.methods):
        known = result["widths"][f"{width:g}"]["samples"]
        too_wide = factor > 1 and width == max(options.widths) and len(options.widths) > 1
        if too_wide or any((row["method"], row["factor"]) == (method, factor) for row in known):
            continue
        if not clock.left():
            left_out.append(f"width {width:g}, {method}, ×{factor:g}")
            continue
        row = sampled(options, nets[width], method, factor, data)
        known.append(row)
        write_json(options.out, result, device=options.device)
        print(f"width {width:g}, {method}, ×{factor:g}: {row['accuracy']} % in {row['seconds']} s", flush=True)
    print_table(options, result["widths"])
    if left_out:
        print(f"left out for want of time: {'; '.join(left_out)}. The same command goes on with them.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--net", choices=["cifar_scattering", "paper_scattering4"], default="cifar_scattering")
    parser.add_argument("--skip", action="store_true", help="keep z beside its modulus: complex data, as published")
    parser.add_argument("--widths", type=float, nargs="+", default=[0.25, 0.5, 1.0, 2.0, 4.0])
    parser.add_argument("--factors", type=float, nargs="+", default=[1.0, 2.0, 4.0], help="widths of samples")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=0.05, help="peak for batches of 128; grows with the batch")
    parser.add_argument("--augment", choices=["cifar", "flip"], default="cifar", help="while training")
    parser.add_argument("--images", type=int, default=16384, help="most images to align on")
    parser.add_argument("--classifier-images", type=int, default=50000, help="most images to refit the classifier on")
    parser.add_argument("--block-epochs", type=int, default=6, help="passes when a block is retrained; 0 for never")
    parser.add_argument("--block-views", type=int, default=2, help="augmented views of each image in such a pass")
    parser.add_argument("--limit", type=int, help="use this many images, to try the benchmark out")
    parser.add_argument("--data-file", type=Path, help="safetensors file that tutorial.py --export wrote")
    parser.add_argument("--budget-minutes", type=float, help="start nothing new after so many minutes")
    parser.add_argument("--runs", type=Path, default=Path("runs/cifar_scattering"), help="where networks are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.skip and options.net != "cifar_scattering":
        parser.error("--skip is a variant of cifar_scattering")
    name = f"{options.net}{'_skip' if options.skip else ''}{f'_{options.seed}' if options.seed else ''}.json"
    options.out = options.out or RESULTS / name
    # Convolutions use TensorFloat32 by default; moments and samples are to be exact to float32.
    torch.backends.cudnn.allow_tf32 = False
    run(options)


if __name__ == "__main__":
    main()
