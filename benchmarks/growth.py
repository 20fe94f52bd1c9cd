"""How time and memory of sampling grow with width, depth, images, networks and processes.

    python benchmarks/growth.py

Each point is measured in a process of its own, with one thread: processor seconds, and the memory it took beyond what
it held before. Slopes are those of the logarithms over the upper half of the points; expected are 2 for width and 1
for the rest. Two processes share the images by `torch.distributed`; their efficiency is the time of one process over
twice the time of two, on the clock (which other programs disturb) and in processor seconds.
"""

import argparse
import multiprocessing
import os
import socket
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rainbownet as rn
from chains import Chain
from common import RESULTS, show, write_json
from lockstep import peak_memory, reset_peak
from rainbownet.errors import RainbowWarning

AXES: dict[str, tuple[float, list[float]]] = {
    "width": (2.0, [0.5, 1, 2, 4, 8, 16]),
    "depth": (1.0, [2, 4, 8, 16]),
    "images": (1.0, [500, 1000, 2000, 4000]),
    "networks": (1.0, [1, 2, 4, 8]),
}
"""What grows, the expected slope, and the points."""


def work(axis: str, value: float) -> Any:
    """Return the work of a point: draws, or for networks a fit of several."""
    chain = Chain("mlp", 4, 128, 4096) if axis == "width" else Chain("conv", 4, 32, 1000)
    if axis == "depth":
        chain = Chain("conv", int(value), 32, 1000)
    if axis == "images":
        chain = Chain("conv", 4, 32, int(value))
    net, batches = chain.network(), chain.data()
    if axis == "networks":
        nets = [net, *(chain.network() for _ in range(int(value)))]
        for k, own in enumerate(nets):
            with torch.no_grad():
                for parameter in own.parameters():
                    parameter.add_(0.1 * k * parameter.roll(1, 0))
        return lambda: rn.fit(nets, batches)
    rainbow = rn.fit(net, batches, preset=rn.PAPER)
    width = value if axis == "width" else 1.0
    return lambda: rainbow.draw(batches, width=width, seed=0, max_images=chain.images, holdout=0.0)


def point(axis: str, value: float) -> dict[str, float]:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", RainbowWarning)
    step = work(axis, value)
    step()
    before, busy = reset_peak(), time.process_time()
    step()
    busy = time.process_time() - busy
    return {"value": value, "seconds": busy, "peak_mib": (peak_memory() - before) / 2**20}


def shared(rank: int, world: int, port: int, found: Any) -> None:
    """Draw on the images that are this process's share."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", RainbowWarning)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if world > 1:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
    chain = Chain("conv", 8, 64, 4000)
    net, batches = chain.network(), chain.data()
    rainbow = rn.fit(net, batches, preset=rn.PAPER)
    clock, busy = time.perf_counter(), time.process_time()
    rainbow.draw(batches, seed=0, max_images=chain.images, holdout=0.0)
    found.put((time.perf_counter() - clock, time.process_time() - busy))
    if world > 1:
        torch.distributed.destroy_process_group()


def processes(context: Any, world: int) -> dict[str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = context.Queue()
    running = [context.Process(target=shared, args=(rank, world, port, found)) for rank in range(world)]
    for process in running:
        process.start()
    times = [found.get() for _ in running]
    for process in running:
        process.join()
    return {
        "processes": world,
        "seconds": max(clock for clock, _ in times),
        "processor_seconds": sum(busy for _, busy in times),
    }


def slope(points: list[dict[str, float]], key: str) -> float:
    """Return the slope of the logarithms over the upper half of the points."""
    upper = points[len(points) // 2 - 1 :]
    values = [max(point[key], 1e-3) for point in upper]
    return float(np.polyfit(np.log([point["value"] for point in upper]), np.log(values), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", nargs="+", choices=[*AXES, "processes"], default=[*AXES, "processes"])
    parser.add_argument("--out", type=Path, default=RESULTS / "growth.json")
    options = parser.parse_args()
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "rainbownet"])
    result: dict[str, Any] = {"axes": {}}
    with context.Pool(1, maxtasksperchild=1) as pool:
        for axis in options.axes:
            if axis == "processes":
                continue
            expected, values = AXES[axis]
            points = [pool.apply(point, (axis, value)) for value in values]
            slopes = {key: slope(points, key) for key in ("seconds", "peak_mib")}
            result["axes"][axis] = {"expected": expected, "points": points, "slopes": slopes}
            lines = [list(own.values()) for own in points]
            show(f"{axis}: slope {slopes['seconds']:.2f}, expected {expected:g}", [axis, "s", "peak MiB"], lines)
    if "processes" in options.axes:
        one, two = (processes(context, world) for world in (1, 2))
        result["processes"] = {
            "one": one,
            "two": two,
            "speedup": one["seconds"] / two["seconds"],
            "efficiency": one["processor_seconds"] / two["processor_seconds"],
        }
        show("Processes", list(one), [list(one.values()), list(two.values())])
    write_json(options.out, result)


if __name__ == "__main__":
    main()
