"""A vision transformer on the digits: trained, drawn at several widths beside its controls, and heads drawn apart.

    python benchmarks/vit.py [--widths 1 2 4] [--draws 2] [--epochs 30] [--out result.json]

The network is `digits_vit`, by the recipe `digits`. Everything is drawn (stream, heads, hidden neurons) and aligned on
the training images; accuracies are those of the test images. The identity baseline has the trained neurons through the
same alignment, the white control no covariances. "Queries and keys" draws these alone, jointly or apart: the scores of
attention are their covariance (theory, 10).
"""

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import rainbownet as rn
from common import RESULTS, percent, show, write_json
from rainbownet.data import load
from rainbownet.errors import RainbowWarning
from rainbownet.nets import build
from rainbownet.training import train
from rainbownet.training.recipe import RECIPES


def main() -> None:
    """Train, draw, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=float, nargs="+", default=[1, 2, 4])
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=RESULTS / "vit.json")
    options = parser.parse_args()
    images, test = load("digits"), load("digits", split="test")
    recipe = replace(RECIPES["digits"], epochs=options.epochs)
    net = train(build("digits_vit"), images, recipe=recipe, progress=False).network
    inputs = [images.normalise(images.inputs)]
    rainbow = rn.fit(net, inputs)
    heads = [f"blocks.{i}.attention.query" for i in range(3)]
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "everything": (rainbow, {}),
        "everything, white": (rainbow.white(), {}),
        "everything, layers apart": (rainbow, {"tie": "independent"}),
        "queries and keys": (rainbow, {"layers": heads}),
        "queries and keys, apart": (rainbow, {"layers": heads, "tie": "independent"}),
    }
    result: dict[str, Any] = {
        "trained": percent(net, test),
        "identity": percent(rainbow.sample(inputs, draw="identity"), test),
        "share_drawn": rainbow.network.share_drawn,
        "epochs": options.epochs,
        "rows": [],
    }
    for name, (source, how) in kinds.items():
        for width in options.widths:
            start = time.perf_counter()
            found = [percent(source.sample(inputs, width=width, seed=k, **how), test) for k in range(options.draws)]
            seconds = (time.perf_counter() - start) / options.draws
            result["rows"].append({"draw": name, "width": width, "accuracies": found, "seconds": seconds})
            print(f"{name} ×{width:g}: {found}, {seconds:.1f} s", flush=True)
            write_json(options.out, result)
    table = [
        [name, *(sum(r["accuracies"]) / options.draws for r in result["rows"] if r["draw"] == name)] for name in kinds
    ]
    show(
        f"digits_vit: trained {result['trained']:.1f} %, identity baseline {result['identity']:.1f} %",
        ["draw", *(f"×{width:g}" for width in options.widths)],
        table,
    )


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RainbowWarning)  # few images for the widest readers
        main()
