"""Symmetry of a public ResNet-20 on CIFAR-10 (R, Theorem 3): flips, with which it was trained, and quarter turns.

    python benchmarks/symmetry.py [--images 1000] [--widths 1 2 4]

Layer by layer: the error of equivariance under the best mixing of channels, and how far covariances of weights are from
commuting with it, beside a random rotation; the same of the network reset at random. Then the law averaged over flips
beside the law: how invariant the kernel of the last convolution of their samples is, and the
accuracy of samples on test images as they are, flipped and turned, by width.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rainbownet as rn
from common import RESULTS, cifar10, public_resnet20, show, write_json
from rainbownet.analysis import FLIPS, TURNS, Flip, QuarterTurns, invariance, symmetrized, symmetry
from rainbownet.data import Images
from rainbownet.nets.initial import reinitialised


def layers(net: nn.Module, images: Images, count: int) -> list[dict[str, Any]]:
    """Measure the trained and a random network under both actions."""
    loader = images.normalise(images.some(count).inputs).split(250)
    rows = []
    for name, own in (("trained", net), ("random", reinitialised(net, seed=1))):
        for action in (Flip(), QuarterTurns(1)):
            table = symmetry(own, action, loader)
            rows += [{"weights": name, "action": type(action).__name__} | row for row in table.to_dict("records")]
    return rows


def samples(net: nn.Module, images: Images, test: Images, count: int, widths: Sequence[float]) -> list[dict[str, Any]]:
    """Draw from the law and from the averaged laws, and measure the samples."""
    loader = images.normalise(images.some(count).inputs).split(250)
    rainbow = rn.fit(net, loader)
    laws = {"law": rainbow, "averaged over flips": symmetrized(rainbow, FLIPS, loader)}
    laws |= {"averaged over turns": symmetrized(rainbow, TURNS, loader)}
    pixels = test.normalise(test.inputs)
    rows = []
    for name, own in {"trained": None, **laws}.items():
        for width in widths if own is not None else (1.0,):
            drawn = net if own is None else own.sample(loader, width=width, seed=0)
            row = {"law": name, "width": width}
            for action in (Flip(), QuarterTurns(1)):
                kind = type(action).__name__
                kernel = invariance(drawn, action, pixels[:500], layers=["layer3.2.conv2"])
                row[f"kernel, {kind}"] = kernel["difference"].item()
                moved = torch.cat([drawn(action.move(part)).argmax(1) for part in pixels.split(500)])
                row[f"accuracy, {kind}"] = 100 * (moved == test.targets).double().mean().item()
            plain = torch.cat([drawn(part).argmax(1) for part in pixels.split(500)])
            row["accuracy"] = 100 * (plain == test.targets).double().mean().item()
            rows.append(row)
            print(row, flush=True)
    return rows


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--widths", type=float, nargs="+", default=[1.0, 2.0, 4.0])
    parser.add_argument("--out", type=Path, default=RESULTS / "symmetry.json")
    options = parser.parse_args()
    net = public_resnet20()
    images, test = cifar10(limit=max(options.images, options.test))
    test = test.some(options.test)
    found = layers(net, images, options.images)
    rows = samples(net, images, test, options.images, options.widths)
    show("Samples", list(rows[0]), [list(row.values()) for row in rows])
    write_json(options.out, {"images": options.images, "test": options.test, "layers": found, "samples": rows})


if __name__ == "__main__":
    main()
