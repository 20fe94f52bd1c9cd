"""Throughput of learned scattering networks: fast route, FFT route, and an ordinary network of equal multiply-adds.

    python benchmarks/scattering.py [--device cuda] [--batch 128] [--networks paper_scattering4 cifar_scattering]

First every route of the wavelets is timed on blocks of several sizes: what `route="auto"` chooses by.

The ordinary network has the same number of 3×3 convolutions, each with batch norm and ReLU, at the same resolutions.
Its width is chosen so that its multiply-adds equal those of the learned 1×1 matrices; the fixed wavelets come on top
and are counted apart. Variants are timed in turn within every round, so that a busy machine slows all of them.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from common import RESULTS, show, write_json
from rainbownet.nets import Conv1x1, RealOnComplex1x1, build
from rainbownet.nets.collapse import PhaseCollapse, SkipModulus
from rainbownet.nets.wavelet import ROUTES

BLOCKS = [(128, 16, 32, "half_b"), (128, 64, 32, "half_b"), (128, 32, 16, "half_a"), (128, 256, 4, "standard")]
BLOCKS += [(128, 64, 16, "standard"), (128, 128, 8, "standard"), (16, 64, 64, "standard")]
"""Batch, channels, side and kind of the blocks on which routes are compared."""


def multiply_adds(net: nn.Module, images: torch.Tensor) -> tuple[int, int]:
    """Return the multiply-adds of learned maps and those of the wavelets, for one image."""
    learned, fixed = [], []

    def count(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
        parts = 2 if args[0].is_complex() else 1
        if isinstance(module, PhaseCollapse | SkipModulus):
            products = {"dense": 1, "tiles": module.tiles.shape[0] * module.tiles.shape[1]}
            fixed.append(parts * module.filters.numel() * args[0].shape[1] * products.get(module.route, 0))
        elif output.ndim == 4:
            learned.append(parts * module.weight.numel() * output.shape[-1] * output.shape[-2])
        else:
            learned.append(module.weight.numel())

    weighted = Conv1x1 | RealOnComplex1x1 | nn.Conv2d | nn.Linear | PhaseCollapse | SkipModulus
    layers = [module for module in net.modules() if isinstance(module, weighted)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        net(images[:2])
    for hook in hooks:
        hook.remove()
    return sum(learned), sum(fixed)


def ordinary(net: nn.Module, width: float) -> nn.Module:
    """Return a network of 3×3 convolutions at the resolutions and relative widths of a scattering network."""
    layers: list[nn.Module] = []
    channels = 3
    blocks = [child for name, child in net.named_children() if name != "classifier"]
    for block in blocks:
        outputs = max(1, round(width * block.linear.weight.shape[0]))
        layers.append(nn.Conv2d(channels, outputs, 3, stride=block.wavelets.step, padding=1, bias=False))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
        channels = outputs
    height, width = blocks[-1].wavelets.output_size
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, 10, bias=False))


def equal_cost(net: nn.Module, images: torch.Tensor) -> nn.Module:
    """Return the ordinary network whose multiply-adds are closest to those of the learned maps."""
    target = multiply_adds(net, images)[0]
    low, high = 0.05, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        if multiply_adds(ordinary(net, middle), images)[0] > target:
            high = middle
        else:
            low = middle
    return ordinary(net, low)


def timed(step, device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(nets: dict[str, nn.Module], images: torch.Tensor, labels: torch.Tensor, rounds: int) -> dict:
    """Return images per second of every network, forward in evaluation and forward with backward in training."""
    times: dict[str, dict[str, list[float]]] = {name: {"forward": [], "training": []} for name in nets}
    for current in range(rounds + 1):
        for name, net in nets.items():

            def forward(net=net) -> None:
                with torch.no_grad():
                    net.eval()(images)

            def training(net=net) -> None:
                net.zero_grad(set_to_none=True)
                F.cross_entropy(net.train()(images), labels).backward()

            for kind, step in (("forward", forward), ("training", training)):
                spent = timed(step, images.device)
                if current:  # The first round warms up.
                    times[name][kind].append(spent)
    return {
        name: {kind: round(len(images) / statistics.median(spent), 1) for kind, spent in kinds.items()}
        for name, kinds in times.items()
    }


def compare_routes(device: torch.device, rounds: int) -> list[dict]:
    """Return milliseconds of each route on each block: forward alone, and forward with backward."""
    table = []
    for batch, channels, side, scale in BLOCKS:
        images = torch.randn(batch, channels, side, side, device=device)
        images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
        blocks = {}
        for route in ROUTES:
            if (route == "dense" and side > 32) or (route in ("tiles", "convolution") and side < 16):
                continue  # A matrix too large; a map smaller than the kernels.
            blocks[route] = PhaseCollapse(side, scale=scale, route=route).to(device)
        times: dict[str, dict[str, list[float]]] = {route: {"forward": [], "training": []} for route in blocks}
        for current in range(rounds + 1):
            for route, block in blocks.items():

                def forward(block=block, images=images) -> None:
                    with torch.no_grad():
                        block(images)

                def training(block=block, images=images) -> None:
                    torch.autograd.grad(block(images).square().sum(), images)

                for kind, step in (("forward", forward), ("training", training)):
                    spent = timed(step, device)
                    if current:  # The first round warms up.
                        times[route][kind].append(spent)
        ms = {
            route: {k: round(1000 * statistics.median(v), 1) for k, v in kinds.items()}
            for route, kinds in times.items()
        }
        table.append({"batch": batch, "channels": channels, "side": side, "scale": scale, "milliseconds": ms})
    return table


def print_routes(table: list[dict]) -> None:
    """Show milliseconds forward, and forward with backward in brackets."""
    rows = []
    for row in table:
        cells = [row["milliseconds"].get(route) for route in ROUTES]
        shown = ["" if cell is None else f"{cell['forward']:.0f} ({cell['training']:.0f})" for cell in cells]
        rows.append([f"{row['batch']} × {row['channels']} × {row['side']}, {row['scale']}", *shown])
    show("Phase collapse, milliseconds forward (with backward)", ["batch × channels × side", *ROUTES], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--networks", nargs="+", default=["paper_scattering4"])
    parser.add_argument("--output", type=Path, default=RESULTS / "scattering.json")
    options = parser.parse_args()
    device = torch.device(options.device)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(options.batch, 3, 32, 32, generator=generator).to(device)
    labels = torch.randint(10, (options.batch,), generator=generator).to(device)
    report = {"batch": options.batch, "rounds": options.rounds, "routes": compare_routes(device, options.rounds)}
    print_routes(report["routes"])
    report["networks"] = {}
    for name in options.networks:
        fast = build(name, width=options.width).to(device)
        nets = {
            "fast": fast,
            "fft": build(name, width=options.width, route="fft").to(device),
            "ordinary": equal_cost(fast.cpu(), images.cpu()).to(device),
        }
        fast.to(device)
        learned, fixed = multiply_adds(fast, images)
        speeds = measure(nets, images, labels, options.rounds)
        report["networks"][name] = {
            "width": options.width,
            "learned_multiply_adds": learned,
            "wavelet_multiply_adds (but the first block)": fixed,
            "ordinary_multiply_adds": multiply_adds(nets["ordinary"], images)[0],
            "images_per_second": speeds,
            "fast_over_fft": {k: round(speeds["fast"][k] / speeds["fft"][k], 2) for k in ("forward", "training")},
            "fast_over_ordinary": {
                k: round(speeds["fast"][k] / speeds["ordinary"][k], 2) for k in ("forward", "training")
            },
        }
        rows = [[kind, *speeds[kind].values()] for kind in nets]
        show(f"{name}, images a second", ["network", "forward", "training"], rows)
        write_json(options.output, report, device=device)


if __name__ == "__main__":
    main()
