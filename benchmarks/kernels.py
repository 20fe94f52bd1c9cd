"""What the limit of neurons with offsets costs: kernels by plain quadrature, ours, and products of matrices.

    python benchmarks/kernels.py --json benchmarks/results/kernels.json

Seconds are of processor time, in one process. The limit of a trained `digits_cnn`, whose batch norms give its neurons
offsets, is computed as it is, and (unless `--quick`) with kernels by a sum over 32 angles for every pair. The bound is
200 products of two matrices of 2048 × 2048 in float32. Last, the time of the limit's outputs is put beside that of the
narrowest sample that is as accurate on test images.
"""

import argparse
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

import rainbownet as rn
from common import RESULTS, percent, show, write_json
from rainbownet.data import load, loader
from rainbownet.errors import RainbowWarning
from rainbownet.limit import PiecewiseLinear, dual_kernel
from rainbownet.limit.closed import correlation
from rainbownet.limit.legendre import gauss_legendre
from rainbownet.nets import build
from rainbownet.training import train

SMOOTH = {"GELU": nn.GELU(), "SiLU": nn.SiLU(), "tanh": nn.Tanh(), "ELU": nn.ELU()}


def quadrature(dual: PiecewiseLinear, p: Tensor, c: Tensor, q: Tensor, mean_p: Tensor, mean_q: Tensor) -> Tensor:
    """Return the dual by Plackett's integral over 32 angles, for every pair: the baseline."""
    (value_p, slope_p), (value_q, slope_q) = dual._moments(p, mean_p), dual._moments(q, mean_q)
    rho, scale = correlation(p, c, q)
    end, integral = torch.asin(rho), torch.zeros_like(rho)
    for fraction, weight in zip(*(x.tolist() for x in gauss_legendre(32)), strict=True):
        theta = end * fraction
        side = torch.where(theta < 0, -1.0, 1.0).to(theta.dtype)
        sine, cosine = torch.sin(theta), torch.cos(theta)
        density = torch.zeros_like(rho)
        for knot, bend in zip(dual.knots, dual.bends, strict=True):
            a = ((knot - mean_p) / p.sqrt().clamp_min(1e-150)).clamp(-40, 40)
            for other, second in zip(dual.knots, dual.bends, strict=True):
                b = ((other - mean_q) / q.sqrt().clamp_min(1e-150)).clamp(-40, 40)
                exponent = -(((a - side * b) / cosine) ** 2) / 2 - side * a * b / (1 + sine.abs())
                density = density + bend * second * torch.exp(exponent)
        integral = integral + end * weight * (rho - sine) * density
    return value_p * value_q + c * slope_p * slope_q + scale * integral / (2 * math.pi)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def best(work: Callable[[], Any], repeats: int = 5) -> float:
    return min(timed(work)[0] for _ in range(repeats))


def products() -> float:
    """Return the time of 200 products, from the fastest of a few."""
    a = torch.randn(2048, 2048, generator=torch.Generator().manual_seed(0))
    return 200 * best(lambda: a @ a)


def pairs(rows: Tensor) -> list[list[Any]]:
    """Return nanoseconds a pair of rows with a mean: by activation, the baseline where there is one, and ours."""
    count = len(rows) ** 2
    relu = dual_kernel(nn.ReLU(), mean=True)
    ours, found = best(lambda: relu(rows, rows)), relu(rows, rows)
    with mock.patch.object(PiecewiseLinear, "__call__", quadrature):
        plain, expected = best(lambda: relu(rows, rows), 2), relu(rows, rows)
    scale = float(found.diagonal().max())
    table: list[list[Any]] = [
        ["ReLU", 1e9 * plain / count, 1e9 * ours / count, float((found - expected).abs().max()) / scale]
    ]
    for name, activation in SMOOTH.items():
        kernel = dual_kernel(activation, mean=True)
        table.append([name, None, 1e9 * best(lambda kernel=kernel: kernel(rows, rows), 2) / count, None])
    return table


@torch.no_grad()
def outputs(net: nn.Module, images: Tensor) -> float:
    """Return the seconds an image of a network's outputs."""
    return best(lambda: net(images), 3) / len(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landmarks", type=int, default=1024)
    parser.add_argument("--widths", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0, 16.0])
    parser.add_argument("--quick", action="store_true", help="without the limit whose kernels are sums over angles")
    parser.add_argument("--json", type=Path, default=RESULTS / "kernels.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RainbowWarning)
    torch.set_num_threads(1)
    train_images, test = (load("digits", split=split) for split in ("train", "test"))
    net = train(build("digits_cnn", seed=0), train_images, recipe="digits", seed=0).network.eval()
    batches = loader(train_images, batch_size=256)
    rainbow = rn.fit(net, batches)
    bound = [products()]
    seconds, limit = timed(lambda: rainbow.limit(batches, landmarks=options.landmarks))
    bound.append(products())
    whole = {"products": min(bound), "limit": seconds}
    if not options.quick:
        with mock.patch.object(PiecewiseLinear, "__call__", quadrature):
            whole["limit by quadrature"] = timed(lambda: rainbow.limit(batches, landmarks=options.landmarks))[0]
    layers = {name: pairs(layer.landmarks) for name, layer in list(limit.layers.items())[:2]}
    accuracy, inputs = percent(limit, test), test.normalise(test.inputs)
    forward: dict[str, Any] = {"limit": {"accuracy": accuracy, "seconds_per_image": outputs(limit, inputs)}}
    for width in options.widths:
        sample = rainbow.sample(batches, width=width, seed=0)
        row = {"accuracy": percent(sample, test), "seconds_per_image": outputs(sample, inputs)}
        forward[f"sample ×{width:g}"] = row
        if row["accuracy"] >= accuracy:
            break
    show(
        "Seconds of processor time",
        ["work", "s", "of the products"],
        [[k, v, v / whole["products"]] for k, v in whole.items()],
    )
    for name, table in layers.items():
        columns = ["activation", "32 angles", "ours", "difference"]
        show(f"Layer {name}: nanoseconds a pair", columns, [["–" if v is None else v for v in row] for row in table])
    lines = [[name, row["accuracy"], 1e3 * row["seconds_per_image"]] for name, row in forward.items()]
    show("Outputs", ["network", "accuracy, %", "ms an image"], lines)
    keys = ("activation", "quadrature_ns", "ours_ns", "difference")
    content = {
        "seconds": whole,
        "pairs": {name: [dict(zip(keys, row, strict=True)) for row in table] for name, table in layers.items()},
        "outputs": forward,
    }
    write_json(options.json, content)


if __name__ == "__main__":
    main()
