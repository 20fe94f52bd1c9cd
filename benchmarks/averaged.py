"""Averages of samples: accuracy and calibration of K of them, of one K times as wide, and of the limit.

    python benchmarks/averaged.py [--counts 1 2 4 8] [--seeds 3]

The tutorial's perceptron at a quarter of its width, 1024–128–64–10, trained on 10,000 grey images of CIFAR-10 by the
recipe `tutorial`. Samples are aligned on 2,000 of these, each ridge chosen; averages are of probabilities. NLL is the
mean cross-entropy in nats, ECE the expected calibration error in 15 bins of equal width (Guo et al., ICML 2017), on
2,000 test images.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import rainbownet as rn
from common import RESULTS, ROOT, cifar10, show, write_json
from rainbownet import data, nets
from rainbownet.data import Images
from rainbownet.errors import RainbowWarning
from rainbownet.plotting.style import BLACK, COLOURS, GREY, legend, panels, save
from rainbownet.training import train

BINS = 15


@torch.no_grad()
def probabilities(net: nn.Module, images: Images) -> Tensor:
    """Return the probability of each class for each image, in float64."""
    return torch.cat([net(images.normalise(part)).double().softmax(1) for part in images.inputs.split(500)])


def measured(probability: Tensor, targets: Tensor) -> dict[str, float]:
    """Return accuracy in %, NLL and ECE in %."""
    sure, classes = probability.max(1)
    right = (classes == targets).double()
    ece = 0.0
    for part in (sure * BINS).long().clamp(max=BINS - 1).unique():
        own = (sure * BINS).long().clamp(max=BINS - 1) == part
        ece += (right[own].mean() - sure[own].mean()).abs().item() * own.double().mean().item()
    nll = -probability.gather(1, targets[:, None]).clamp(min=1e-300).log().mean().item()
    return {"accuracy": 100 * right.mean().item(), "nll": nll, "ece": 100 * ece}


def picture(result: dict[str, Any], path: Path) -> None:
    """Draw the three measures against K."""
    figure, axes = panels(1, 3, width=3.6, height=3.0)
    titles = {"accuracy": "accuracy, %", "nll": "NLL, nats", "ece": "ECE, %"}
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        for name, colour in (("average of K", COLOURS[0]), ("one, K times as wide", COLOURS[1])):
            rows = [row for row in result["rows"] if row["what"] == name]
            means = [sum(run[key] for run in row["runs"]) / len(row["runs"]) for row in rows]
            axis.plot([row["count"] for row in rows], means, "o-", color=colour, label=name)
        for name, colour, style in (("limit", BLACK, "--"), ("trained", GREY, ":")):
            axis.axhline(result[name][key], color=colour, linestyle=style, label=name)
        axis.set_xscale("log", base=2)
        counts = sorted({row["count"] for row in result["rows"]})
        axis.set_xticks(counts, [str(count) for count in counts])
        axis.minorticks_off()
        axis.set(xlabel="K", ylabel=title)
    legend(axes[1], loc="upper right")
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--landmarks", type=int, default=512)
    parser.add_argument("--out", type=Path, default=RESULTS / "averaged.json")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "images" / "averaged.png")
    a = parser.parse_args()
    images, test = cifar10(grayscale=True, images=10_000)
    test = test.some(2000)
    net = train(nets.build("tutorial_mlp", width=0.25, seed=0), images, recipe="tutorial", progress=False).network
    batches = list(data.loader(images.subset(torch.arange(2000)), batch_size=500))
    rainbow, most = rn.fit(net, batches), max(a.counts)
    result: dict[str, Any] = {"landmarks": a.landmarks, "seeds": a.seeds, "rows": []}
    result["trained"] = measured(probabilities(net, test), test.targets)
    result["identity"] = measured(probabilities(rainbow.sample(batches, draw="identity"), test), test.targets)
    result["white"] = measured(probabilities(rainbow.white().sample(batches, width=most), test), test.targets)
    result["limit"] = measured(probabilities(rainbow.limit(batches, landmarks=a.landmarks), test), test.targets)
    single = [probabilities(rainbow.sample(batches, seed=k), test) for k in range(most * a.seeds)]
    for count in a.counts:
        averages = [torch.stack(single[most * seed :][:count]).mean(0) for seed in range(a.seeds)]
        wide = [probabilities(rainbow.sample(batches, width=count, seed=seed), test) for seed in range(a.seeds)]
        for what, found in (("average of K", averages), ("one, K times as wide", wide)):
            runs = [measured(each, test.targets) for each in found]
            result["rows"].append({"what": what, "count": count, "runs": runs})
    write_json(a.out, result)
    picture(result, a.plot)
    rows = [
        [
            row["what"],
            row["count"],
            *(sum(run[key] for run in row["runs"]) / a.seeds for key in ("accuracy", "nll", "ece")),
        ]
        for row in result["rows"]
    ]
    rows += [[name, "", *result[name].values()] for name in ("limit", "trained", "identity", "white")]
    show("Averages of samples", ["what", "K", "accuracy, %", "NLL", "ECE, %"], rows)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RainbowWarning)  # few images for the widest
        main()
