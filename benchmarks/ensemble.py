"""Small networks trained in turn, and together with stacked weights: does one process gain by it on this machine?

python benchmarks/ensemble.py [--networks digits_mlp digits_cnn] [--members 8] [--epochs 3] [--device cpu]

Batches of 64; medians over rounds.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from common import RESULTS, show, write_json
from rainbownet.data import load
from rainbownet.ensemble import train_jointly
from rainbownet.nets import build
from rainbownet.training import Recipe, train


def seconds(step: Callable[[], object], rounds: int) -> float:
    """Return the median time of a step."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["digits_mlp", "digits_cnn"])
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    images = load("digits")
    recipe = Recipe(epochs=options.epochs, lr=0.1, schedule="onecycle", batch_size=64)
    seeds = range(options.members)
    rows = []
    for name in options.networks:

        def in_turn(name: str = name) -> None:
            for seed in seeds:
                net = build(name, seed=seed)
                train(net, images, recipe=recipe, seed=seed, device=options.device, progress=False)

        def together(name: str = name) -> None:
            nets = [build(name, seed=seed) for seed in seeds]
            train_jointly(nets, images, recipe=recipe, seeds=seeds, device=options.device)

        times = {"in turn": seconds(in_turn, options.rounds), "together": seconds(together, options.rounds)}
        rows.append({"network": name, **{kind: round(value, 3) for kind, value in times.items()}})
        rows[-1]["ratio"] = round(times["in turn"] / times["together"], 2)
    settings = {name: getattr(options, name) for name in ("members", "epochs", "rounds")}
    write_json(RESULTS / "ensemble.json", {"settings": settings, "rows": rows}, device=options.device)
    show(f"{options.members} networks, seconds", list(rows[0]), [list(row.values()) for row in rows])


if __name__ == "__main__":
    main()
