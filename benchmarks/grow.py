"""Samples as starting points: networks grown ×4 or shrunk ×½ and trained further, beside other ways to start.

    python benchmarks/grow.py [--parts cnn-4 cnn-half vit-2 vit-half resnet20-2 resnet20-half] [--seeds 3]

Parts:
    cnn-4: the tutorial's convolutional network at a quarter of its width, trained on 3,000 grey images of CIFAR-10,
        grown to its own width.
    cnn-half: the same network at its own width, trained likewise, shrunk to half of it.
    vit-2, vit-half: `digits_vit` at half of its width, trained on the digits, grown to its own; and at its own, shrunk.
    resnet20-2, resnet20-half: a public ResNet-20, grown to twice its width and shrunk to half; trained further on some
        of the images of CIFAR-10 that it was trained on.

Starts:
    sample, smoothed: drawn from Gaussian and smoothed (h = 0.5) laws, aligned on the training images; white: control.
    copies: Net2Wider (Chen, Goodfellow & Shlens, ICLR 2016), neurons copied at random, what reads them divided, noise.
        Of networks that are no chain, the library's own exact copies, with the same noise in all weights.
    covariance: filters of each layer drawn with the covariance over positions of the trained ones, not aligned (after
        Trockman, Willmott & Kolter, ICLR 2023); dense layers as initialised.
    random: as initialised (He). small: the trained network itself, trained on, at equal compute: as many more epochs
        as an image costs less. pruned: the half of the channels of the largest norm of their groups, by Torch-Pruning
        where it can be imported; of chains also by the norm of their weights alone (*pruned by norm*). Of ResNet-20,
        whose padding shortcuts it does not follow, three quarters of those inside blocks: the same products an image.

All by the same optimiser, each with the learning rate that is best at the end on validation images with seed 0, of
three, and of further ones a factor of 3 beyond while the best is the first or the last; accuracy on test images after
0, ½, 1, 2 and 4 epochs, a seed each for draws and order. A start that is in the file is not measured again.
"""

import argparse
import copy
import importlib.util
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
from common import RESULTS, cifar10, public_resnet20, show, write_json
from compression_peers import pruned_channels
from coverage_measure import Closest, Copies
from rainbownet import data, nets
from rainbownet.data import Images

EPOCHS = (0.0, 0.5, 1.0, 2.0, 4.0)
BATCH = 64
MOST = 5
"""Learning rates that are tried, at most."""


@dataclass(frozen=True)
class Task:
    """A kind of network by its width, the trained one's and the new one's, images, and how it is trained.

    `trained` is a network that is public; others are trained here.
    """

    build: Callable[..., nn.Module]
    old: float
    new: float
    train: Images
    validation: Images
    test: Images
    optimizer: Callable[..., torch.optim.Optimizer]
    rates: tuple[float, ...]
    epochs: int
    trained: nn.Module | None = None


def cnn(old: float, new: float) -> Task:
    """Return the tutorial's convolutional network on 3,000 images."""
    images, test = cifar10(grayscale=True, images=4000)
    parts = images.subset(torch.arange(3000)), images.subset(torch.arange(3000, 4000)), test.some(2000)
    return Task(
        lambda **how: nets.build("tutorial_cnn", **how),
        old, new, *parts, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), (0.003, 0.01, 0.03), 12,
    )  # fmt: skip


def vit(old: float, new: float) -> Task:
    """Return the transformer of the digits."""
    images, test = data.load("digits"), data.load("digits", split="test")
    order = torch.randperm(len(images.targets), generator=torch.Generator().manual_seed(0))
    parts = images.subset(order[200:]), images.subset(order[:200]), test
    return Task(
        lambda **how: nets.build("digits_vit", **how),
        old, new, *parts, lambda p, lr: torch.optim.AdamW(p, lr), (3e-4, 1e-3, 3e-3), 20,
    )  # fmt: skip


def resnet20(new: float, number: int) -> Task:
    """Return the public ResNet-20 on some images."""
    net = public_resnet20()
    images, test = cifar10(images=number + 500)
    parts = images.subset(torch.arange(number)), images.subset(torch.arange(number, number + 500)), test.some(1000)
    return Task(
        lambda **how: nets.build("resnet20", **how),
        1.0, new, *parts, lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9), (0.003, 0.01, 0.03), 0, net,
    )  # fmt: skip


PARTS: dict[str, Callable[[], Task]] = {
    "cnn-4": lambda: cnn(0.25, 1.0),
    "cnn-half": lambda: cnn(1.0, 0.5),
    "vit-2": lambda: vit(0.5, 1.0),
    "vit-half": lambda: vit(1.0, 0.5),
    "resnet20-2": lambda: resnet20(2.0, 1000),
    "resnet20-half": lambda: resnet20(0.5, 3000),
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


def noisy(net: nn.Module, seed: int) -> nn.Module:
    """Add noise to all matrices and kernels, of a fiftieth of their spread, in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in net.parameters():
            if value.ndim > 1:
                value += 0.02 * value.std() * torch.randn(value.shape, generator=generator)
    return net


def covariance(old: nn.Module, new: nn.Module, seed: int) -> nn.Module:
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


def _layers(old: nn.Module, new: nn.Module) -> list[tuple[Any, Any]]:
    others = dict(new.named_modules())
    return [(own, others[name]) for name, own in old.named_modules() if isinstance(own, nn.Conv2d | nn.Linear)]


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
    if sum(isinstance(module, nn.Conv2d) for module in trained.modules()) > 1:
        found["covariance"] = lambda seed: covariance(trained, built(seed), seed)
    if factor > 1:
        found["small"] = lambda seed: copy.deepcopy(trained)
        if isinstance(trained, nn.Sequential):
            found["copies"] = lambda seed: copies(trained, built(seed), seed)  # type: ignore[arg-type]
        else:
            copied = rn.fit(trained, inputs, law=Copies())
            exact: dict[str, Any] = {"draw": "gaussian", "alignment": Closest(), "holdout": 0.0}
            found["copies"] = lambda seed: noisy(copied.sample(inputs, width=factor, seed=seed, **exact), seed)
        return found
    if isinstance(trained, nn.Sequential):
        found["pruned by norm"] = lambda seed: pruned(trained, built(seed), seed)  # type: ignore[arg-type]
    if importlib.util.find_spec("torch_pruning") is not None:
        # Where the streams keep theirs, more of the others go, so that an image costs as much.
        ratio = 1 - factor if task.trained is None else 1 - factor**2
        found["pruned"] = lambda seed: pruned_channels(trained, inputs[0][:2], ratio)
    return found


def curve(net: nn.Module, task: Task, rate: float, seed: int, times: float) -> tuple[float, list[float]]:
    """Train a network; return its accuracy on validation images at the end, and on test images along `EPOCHS`."""
    n = len(task.train.targets)
    generator = torch.Generator().manual_seed(seed)
    marks = [round(times * epochs * n / BATCH) for epochs in EPOCHS]
    optimizer, steps, found = task.optimizer(net.requires_grad_().parameters(), lr=rate), 0, []
    inputs, targets = task.train.normalise(task.train.inputs), task.train.targets
    while True:
        for chosen in torch.randperm(n, generator=generator).split(BATCH):
            if steps in marks:
                found += [_accuracy(net, task.test)] * marks.count(steps)
            if steps == marks[-1]:
                return _accuracy(net, task.validation), found
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
    """Return the network that is grown or shrunk; its rate, where it is trained here, is chosen like the others'."""
    if task.trained is not None:
        return task.trained
    best: tuple[float, nn.Module] | None = None
    for rate in task.rates:
        net = task.build(width=task.old, seed=0)
        accuracy, _ = curve(net, task, rate, 0, task.epochs / EPOCHS[-1])
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
        runs: dict[float, list[float]] = {}
        wanted = list(task.rates) if not scores else [_beyond(scores)]
        while wanted[0] and len(scores) < MOST:
            for rate in wanted:
                scores[rate], runs[rate] = curve(start(0), task, rate, 0, times)
            wanted = [_beyond(scores)]
        rate = max(scores, key=lambda rate: scores[rate])
        if known.get("rate") != rate:
            others = (curve(start(seed), task, rate, seed, times)[1] for seed in range(1, a.seeds))
            known = {"rate": rate, "curves": [runs[rate], *others]}
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
