"""What the benchmark of limits measures besides samples: regression in a layer's space, a Gram matrix, and outputs."""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

import rainbownet as rn
from rainbownet.data import Images
from rainbownet.limit import LimitNetwork, class_targets, kernel_ridge, limit_distances
from rainbownet.limit.convergence import OUTPUT


@torch.no_grad()
def outputs(net: nn.Module, images: Images, batch: int) -> Tensor:
    """Return the outputs of a network on all images."""
    return torch.cat([net(images.normalise(part)) for part in images.inputs.split(batch)]).double()


def accuracy(out: Tensor, images: Images) -> float:
    return 100 * (out.argmax(1) == images.targets).double().mean().item()


def distance(out: Tensor, limit: Tensor) -> float:
    return ((out - limit).norm() / limit.norm()).item()


def first(images: Images, count: int | None) -> Images:
    return images if count is None else replace(images, inputs=images.inputs[:count], targets=images.targets[:count])


def counter(what: str) -> Callable[[int, int], None]:
    """Return a progress bar on standard error, to be called with what is done and what there is in all."""
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    task = bar.add_task(what)

    def update(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done == total:
            bar.stop()

    return update


def unscaled_distance(
    rainbow: rn.Rainbow, batches: Any, test: Images, images: int, options: argparse.Namespace
) -> float:
    """Return the distance at ×1 of rotations that leave energies as they fall, which is what the prototype did."""
    settings = {"max_images": images, "alignment": rn.Procrustes(scale=False), "holdout": 0.1}
    limit = rainbow.limit(batches, landmarks=max(options.landmarks), method=options.method, **settings)
    inputs, seeds = test.normalise(test.inputs), range(options.seeds)
    table = limit_distances(rainbow, limit, batches, inputs, widths=(1.0,), seeds=seeds, pairs=2, **settings)
    return float(table[table["layer"] == OUTPUT]["distance"].mean())


def kernel_methods(
    net: nn.Module, limit: LimitNetwork, train_images: Images, test: Images, count: int
) -> dict[str, Any]:
    """Return what ridge regression in the last layer's space classifies, and norms of the trained function in it."""
    part = first(train_images, count)
    x, x_test = (images.normalise(images.inputs) for images in (part, test))
    gram, cross = limit.kernel(x), limit.kernel(x_test, x)
    found = {
        f"{ridge:g}": accuracy(kernel_ridge(gram, class_targets(part.targets), ridge=ridge)(cross), test)
        for ridge in (1e-1, 1e-2, 1e-3, 1e-4)
    }
    logits = outputs(net, part, 200)
    fit = kernel_ridge(gram, logits, ridge=1e-4, intercept=False)
    return {
        "images": count,
        "ridge_accuracy": found,
        "norm_of_trained_logits": fit.norm.tolist(),
        "relative_residual": distance(fit(gram), logits),
        "norm_of_limit_logits": kernel_ridge(
            gram, outputs(limit, part, 200), ridge=1e-4, intercept=False
        ).norm.tolist(),
    }


def gram_cost(limit: LimitNetwork, images: Images, count: int) -> dict[str, Any]:
    """Return time and memory of the Gram matrix of the last layer between `count` images."""
    repeated = torch.arange(count) % len(images)
    inputs = images.normalise(images.inputs[repeated])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    gram = limit.kernel(inputs, block=500, progress=counter("Gram matrix, blocks"))
    return {
        "images": count,
        "distinct": min(count, len(images)),
        "seconds": time.perf_counter() - start,
        "matrix_bytes": 8 * gram.numel(),
        "peak_growth_bytes": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before),
    }
