"""Quasi-random draws beside others: how near a sample of a residual network comes to a very wide one.

    python benchmarks/quasirandom.py [--widths 1 2 4] [--seeds 3] [--wide 8] [--images 500] [--test-images 400]

A neuron of a residual stream with a non-linearity after each addition is a function of all that it has read: its
kernel is an average over its joint law, with no closed form. Such an average over quasi-random draws (scrambled Sobol
points through the inverse normal distribution) is what a sample drawn from them computes. So they are compared as
draws: relative distance of the logits on test images from those of one sample that is wider by far, and accuracy.
"""

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import rainbownet as rn
from common import RESULTS, cifar10, public_resnet20, show, write_json
from rainbownet import data
from rainbownet.data import Images
from rainbownet.errors import RainbowWarning
from rainbownet.laws import draws


def sobol(n: int, r: int, generator: torch.Generator) -> Tensor:
    """Return scrambled Sobol points through the inverse normal distribution, as `rainbownet.laws.draws` has draws."""
    if r == 0:
        return torch.zeros(n, 0, dtype=torch.float64)
    seed = int(torch.randint(2**31, (1,), generator=generator))
    points = torch.quasirandom.SobolEngine(r, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    return torch.special.ndtri(points.clamp(1e-12, 1 - 1e-12))


KINDS: dict[str, Callable[..., Tensor]] = {
    kind: draws.DRAWS[kind] for kind in ("gaussian", "orthogonal", "antithetic")
} | {"Sobol": sobol}


@torch.no_grad()
def logits(net: nn.Module, images: Images) -> Tensor:
    """Return the logits, in float64."""
    return torch.cat([net(images.normalise(part)) for part in images.inputs.split(200)]).double()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=float, nargs="+", default=[1.0, 2.0, 4.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--wide", type=float, default=8.0)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--test-images", type=int, default=400)
    a = parser.parse_args()
    warnings.simplefilter("ignore", RainbowWarning)
    net = public_resnet20()
    images, test = cifar10()
    order = torch.randperm(len(test.targets), generator=torch.Generator().manual_seed(0))
    test = test.subset(order[: a.test_images])
    batches = list(data.loader(images.subset(torch.arange(a.images)), batch_size=250))
    rainbow = rn.fit(net, batches)
    wide = logits(rainbow.sample(batches, width=a.wide, seed=a.seeds, draw="antithetic"), test)
    result: dict[str, Any] = {
        "wide": a.wide,
        "images": a.images,
        "test_images": a.test_images,
        "trained": accuracy(logits(net, test), test),
        "wide_accuracy": accuracy(wide, test),
        "rows": [],
    }
    for width in a.widths:
        for kind, draw in KINDS.items():
            draws.DRAWS["antithetic"] = draw
            found = [
                logits(rainbow.sample(batches, width=width, seed=s, draw="antithetic"), test) for s in range(a.seeds)
            ]
            row = {
                "width": width,
                "draw": kind,
                "distances": [((own - wide).norm() / wide.norm()).item() for own in found],
                "accuracies": [accuracy(own, test) for own in found],
            }
            result["rows"].append(row)
            print(row, flush=True)
            write_json(RESULTS / "quasirandom.json", result)
    show("Draws", ["width", "draw", "distance", "accuracy"], [
        [row["width"], row["draw"], *(f"{sum(row[key]) / a.seeds:.3f}" for key in ("distances", "accuracies"))]
        for row in result["rows"]
    ])  # fmt: skip


def accuracy(values: Tensor, images: Images) -> float:
    """Return the accuracy in %."""
    return 100 * (values.argmax(1) == images.targets).double().mean().item()


if __name__ == "__main__":
    main()
