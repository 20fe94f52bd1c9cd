"""Recipes side by side: what the published 150 epochs reach, and what the short recipe reaches in a sixth of them.

    python benchmarks/recipes.py [--net paper_scattering4] [--width 0.125] [--limit 10000] [--recipes paper quick]

Networks are kept under `--runs`: the same command goes on where it was stopped.
"""

import argparse
from pathlib import Path

from common import RESULTS, cifar10, percent, show, write_json
from rainbownet.nets import build
from rainbownet.training import RECIPES, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="paper_scattering4")
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--limit", type=int, default=10_000, help="training images")
    parser.add_argument("--recipes", nargs="+", choices=sorted(RECIPES), default=["quick", "paper"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/recipes"), help="where networks are kept")
    options = parser.parse_args()
    images, test = cifar10(images=options.limit)
    rows = []
    for seed in options.seeds:
        for name in options.recipes:
            net = build(options.net, width=options.width, seed=seed)
            out = options.runs / f"{options.net}-{options.width:g}-{options.limit}-{name}-{seed}"
            history = train(net, images, recipe=RECIPES[name], out=out, seed=seed)
            row = {"recipe": name, "seed": seed, "epochs": RECIPES[name].epochs}
            row["minutes"] = round(sum(epoch["seconds"] for epoch in history.rows) / 60, 2)
            row["training accuracy"] = round(percent(net, images), 2)
            row["test accuracy"] = round(percent(net, test), 2)
            rows.append(row)
            settings = {name: getattr(options, name) for name in ("net", "width", "limit")}
            write_json(RESULTS / "recipes.json", {"settings": settings, "rows": rows})
    show(
        f"{options.net}, s = {options.width:g}, {options.limit} images", list(rows[0]), [list(r.values()) for r in rows]
    )


if __name__ == "__main__":
    main()
