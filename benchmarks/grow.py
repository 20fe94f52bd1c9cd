"""Samples as starting points: networks grown ×4 or shrunk ×½ and trained further, beside other ways to start.

    python benchmarks/grow.py [--parts cnn-4 cnn-half vit-2] [--seeds 3]

Parts:
    cnn-4: the tutorial's convolutional network at a quarter of its width, trained on 3,000 grey images of CIFAR-10,
        grown to its own width.
    cnn-half: the same network at its own width, trained likewise, shrunk to half of it.
    vit-2: `digits_vit` at half of its width, trained on the digits, grown to its own.

Starts:
    sample, smoothed: drawn from Gaussian and smoothed (h = 0.5) laws, aligned on the training images; white: control.
    copies: Net2Wider (Chen, Goodfellow & Shlens, ICLR 2016), neurons copied at random, what reads them divided, noise.
    covariance: filters of each layer drawn with the covariance over positions of the trained ones, not aligned (after
        Trockman, Willmott & Kolter, ICLR 2023); dense layers as initialised.
    random: as initialised (He). small: the trained network itself, trained on, at equal compute: as many more epochs
        as an image costs less. pruned: the half of the channels of the largest norm (our own, not Torch-Pruning's).

All by the same optimiser, each with the learning rate that is best at the end on validation images with seed 0, of
three, and of further ones a factor of 3 beyond while the best is the first or the last; accuracy on test images after
0, ½, 1, 2 and 4 epochs, a seed each for draws and order. A start that is in the file is not measured again.
"""

import argparse
import copy
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

import rainbownet as rn
from common import RESULTS, cifar10, show, write_json
from rainbownet import data, nets
from rainbownet.data import Images

EPOCHS = (0.0, 0.5, 1.0, 2.0, 4.0)
BATCH = 64
MOST = 5
"""Learning rates that are tried, at most."""


@dataclass(frozen=True)
class Task:
    """A kind of network by its width, the trained one's and the new one's, images, and how it is trained."""

    build: Callable[..., nn.Module]
    old: float
    new: float
    train: Images
    validation: Images
    test: Images
    optimizer: Callable[..., torch.optim.Optimizer]
    rates: tuple[float, ...]
    epochs: int


def cnn(old: float, new: float) -> Task:
    """Return the tutorial's convolutional network on 3,000 images."""
    images, test = cifar10(grayscale=True, images=4000)
    parts = images.subset(torch.arange(3000)), images.subset(torch.arange(3000, 4000)), test.some(2000)
    return Task(
        lambda **how: nets.build("tutorial_cnn", **how),
        old, new, *parts, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), (0.003, 0.01, 0.03), 12,
    )  # fmt: skip


def vit() -> Task:
    """Return the transformer of the digits."""
    images, test = data.load("digits"), data.load("digits", split="test")
    order = torch.randperm(len(images.targets), generator=torch.Generator().manual_seed(0))
    parts = images.subset(order[200:]), images.subset(order[:200]), test
    return Task(
        lambda **how: nets.build("digits_vit", **how),
        0.5, 1.0, *parts, lambda p, lr: torch.optim.AdamW(p, lr), (3e-4, 1e-3, 3e-3), 20,
    )  # fmt: skip


PARTS: dict[str, Callable[[], Task]] = {
    "cnn-4": lambda: cnn(0.25, 1.0),
    "cnn-half": lambda: cnn(1.0, 0.5),
    "vit-2": vit,
}


def copies(old: nn.Sequential, new: nn.Sequential, seed: int) -> nn.Module:
    """Return a wider chain that computes what a narrow one does, up to noise in the copies (Net2Wider)."""
    generator = torch.Generator().manual_seed(seed)
    before: Tensor | None = None
    for own, wide in _layers(old, new):
        weight = own.weight.detach()
        if before is not None:
            weight = weight.unflatten(1, (len(before.unique()), -1))[:, before] / before.bincount()[before][
                :, None
            ].view(-1, *[1] * (weight.ndim - 1))
            weight = weight.flatten(1, 2)
        n = len(weight)
        extra = torch.randint(n, (len(wide.weight) - n,), generator=generator)
        before = torch.cat([torch.arange(n), extra])
        weight = weight[before]
        weight[n:] += 0.02 * weight.std() * torch.randn(weight[n:].shape, generator=generator)
        with torch.no_grad():
            wide.weight.copy_(weight)
    return new


def covariance(old: nn.Sequential, new: nn.Sequential, seed: int) -> nn.Module:
    """Draw the filters of each convolution with the covariance over positions of the trained ones."""
    generator = torch.Generator().manual_seed(seed)
    for own, wide in _layers(old, new):
        if own.weight.ndim == 4:
            filters = own.weight.detach().flatten(0, 1).flatten(1).double()
            root = torch.linalg.cholesky(
                filters.T @ filters / len(filters) + 1e-9 * torch.eye(filters.shape[1]).double()
            )
            noise = torch.randn(wide.weight.shape[:2].numel(), len(root), generator=generator, dtype=torch.float64)
            scale = math.sqrt(own.weight.shape[1] / wide.weight.shape[1])
            with torch.no_grad():
                wide.weight.copy_(scale * (noise @ root.T).reshape(wide.weight.shape))
    return new


def pruned(old: nn.Sequential, new: nn.Sequential, seed: int) -> nn.Module:
    """Keep the channels of the largest norm."""
    kept: Tensor | None = None
    for own, narrow in _layers(old, new):
        weight = own.weight.detach()
        if kept is not None:
            inputs = weight.shape[1] * len(kept) // narrow.weight.shape[1]
            weight = weight.unflatten(1, (inputs, -1))[:, kept].flatten(1, 2)
        kept = weight.flatten(1).norm(dim=1).topk(len(narrow.weight)).indices.sort()[0]
        with torch.no_grad():
            narrow.weight.copy_(weight[kept])
    return new


def _layers(old: nn.Sequential, new: nn.Sequential) -> list[tuple[Any, Any]]:
    return [(a, b) for a, b in zip(old, new, strict=True) if isinstance(a, nn.Conv2d | nn.Linear)]


def starts(task: Task, trained: nn.Module) -> dict[str, Callable[[int], nn.Module]]:
    """Return the starting points, each made from a seed."""
    inputs = [task.train.normalise(task.train.inputs)]
    factor = task.new / task.old
    rainbow, smoothed = rn.fit(trained, inputs), rn.fit(trained, inputs, law=rn.Smoothed(0.5))

    def built(seed: int) -> nn.Module:
        return task.build(width=task.new, seed=100 + seed)

    found: dict[str, Callable[[int], nn.Module]] = {
        "sample": lambda seed: rainbow.sample(inputs, width=factor, seed=seed),
        "smoothed": lambda seed: smoothed.sample(inputs, width=factor, seed=seed),
        "white": lambda seed: rainbow.white().sample(inputs, width=factor, seed=seed),
        "random": built,
    }
    if isinstance(trained, nn.Sequential):
        found["covariance"] = lambda seed: covariance(trained, built(seed), seed)  # type: ignore[arg-type]
        if factor > 1:
            found["copies"] = lambda seed: copies(trained, built(seed), seed)  # type: ignore[arg-type]
        else:
            found["pruned"] = lambda seed: pruned(trained, built(seed), seed)  # type: ignore[arg-type]
    if factor > 1:
        found["small"] = lambda seed: copy.deepcopy(trained)
    return found


def curve(net: nn.Module, task: Task, rate: float, seed: int, times: float) -> list[tuple[float, float]]:
    """Train a network; return its accuracies, validation and test, after so many times the epochs of `EPOCHS`."""
    n = len(task.train.targets)
    generator = torch.Generator().manual_seed(seed)
    marks = [round(times * epochs * n / BATCH) for epochs in EPOCHS]
    optimizer, steps, found = task.optimizer(net.parameters(), lr=rate), 0, []
    inputs, targets = task.train.normalise(task.train.inputs), task.train.targets
    while True:
        for chosen in torch.randperm(n, generator=generator).split(BATCH):
            if steps in marks:
                found += [(_accuracy(net, task.validation), _accuracy(net, task.test))] * marks.count(steps)
            if steps == marks[-1]:
                return found
            net.train()
            optimizer.zero_grad()
            functional.cross_entropy(net(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
            steps += 1


@torch.no_grad()
def _accuracy(net: nn.Module, images: Images) -> float:
    net.eval()
    classes = torch.cat([net(images.normalise(part)).argmax(1) for part in images.inputs.split(500)])
    return round(100 * (classes == images.targets).double().mean().item(), 2)


def flops(net: nn.Module, example: Tensor) -> int:
    """Return what an image costs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(example)
    return counter.get_total_flops()


def trained_network(task: Task) -> nn.Module:
    """Train the network that is grown or shrunk, its rate chosen like the others'."""
    best: tuple[float, nn.Module] | None = None
    for rate in task.rates:
        net = task.build(width=task.old, seed=0)
        accuracy, _ = curve(net, task, rate, 0, task.epochs / EPOCHS[-1])[-1]
        best = (accuracy, net) if best is None or accuracy > best[0] else best
    assert best is not None
    return best[1]


def measure(part: str, a: argparse.Namespace, found: dict[str, Any], write: Callable[[], None]) -> None:
    """Measure every start of a part that is not in the results."""
    task = PARTS[part]()
    trained = trained_network(task)
    example = task.train.normalise(task.train.inputs[:1])
    ratio = flops(task.build(width=task.new), example) / flops(trained, example)
    found |= {"trained": _accuracy(trained, task.test), "factor": task.new / task.old, "cost": ratio}
    own = found.setdefault("starts", {})
    for name, start in starts(task, trained).items():
        times = ratio if name == "small" else 1.0
        known = own.get(name, {"scores": {}})
        scores = {float(rate): score for rate, score in known["scores"].items()}
        runs: dict[float, list[tuple[float, float]]] = {}
        wanted = list(task.rates) if not scores else [_beyond(scores)]
        while wanted[0] and len(scores) < MOST:
            for rate in wanted:
                runs[rate] = curve(start(0), task, rate, 0, times)
                scores[rate] = runs[rate][-1][0]
            wanted = [_beyond(scores)]
        rate = max(scores, key=lambda rate: scores[rate])
        if known.get("rate") != rate:
            found_runs = [runs[rate], *(curve(start(seed), task, rate, seed, times) for seed in range(1, a.seeds))]
            known = {"rate": rate, "curves": [[test for _, test in run] for run in found_runs]}
        own[name] = known | {"scores": {f"{rate:g}": scores[rate] for rate in sorted(scores)}}
        print(part, name, own[name], flush=True)
        write()


def _beyond(scores: dict[float, float]) -> float:
    """Return the next rate to try, 0 if the best lies between others."""
    rates = sorted(scores)
    best = max(rates, key=lambda rate: scores[rate])
    return float(f"{rates[0] / 3:.2g}") if best == rates[0] else float(f"{3 * best:.2g}") if best == rates[-1] else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "grow.json")
    a = parser.parse_args()
    found: dict[str, Any] = json.loads(a.out.read_text())["parts"] if a.out.is_file() else {}
    for part in a.parts:
        measure(
            part,
            a,
            found.setdefault(part, {}),
            lambda: write_json(a.out, {"epochs": EPOCHS, "seeds": a.seeds, "parts": found}),
        )
        rows = [
            [name, start["rate"], *(sum(column) / a.seeds for column in zip(*start["curves"], strict=True))]
            for name, start in found[part]["starts"].items()
        ]
        show(f"{part}: test accuracy, %", ["start", "rate", *(f"{e:g} epochs" for e in EPOCHS)], rows)


if __name__ == "__main__":
    main()
