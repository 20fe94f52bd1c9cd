"""The library's sampler against a layer-by-layer one, on plain chains: time, layer evaluations, memory, profile.

    python benchmarks/lockstep.py [--depths 2 4 8 16] [--width 64] [--images 2000]

The layer-by-layer sampler is written as the authors' tutorial does it: for every layer, a full forward of both
networks, activations collected by hooks, the moment summed in float32, its polar factor by SVD. Both draw the published
law (centred Gaussian), both align on the same images; given the same draws they give the same network (checked).
Reference networks are He-initialised and images Gaussian with a natural spectrum: neither changes the cost. Every
measurement has a process of its own, with one thread, and the samplers take turns; processor seconds leave out what
other programs on the machine took. `least squares` is the library's preset `BEST`, which also keeps a tenth of the
images to measure the alignment.
"""

import argparse
import ctypes
import multiprocessing
import resource
import statistics
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.profiler import ProfilerActivity, profile

import rainbownet as rn
from chains import Chain, layer_by_layer, weighted
from common import RESULTS, show, write_json
from rainbownet.errors import RainbowWarning

METHODS = ("layer by layer", "lockstep", "least squares")
GOAL = 5.0
PRODUCTS = ("convolution", "conv2d", "addmm", "mm", "bmm", "matmul", "linear", "mkldnn", "dot", "mv")
FACTORS = ("linalg_svd", "linalg_qr", "linalg_chol", "linalg_eigh", "linalg_solve", "geqrf", "orgqr", "cholesky")


def lockstep(net: nn.Module, batches: list[Tensor], images: int, *, seed: int, best: bool = False) -> Any:
    """Sample a network with the library."""
    if best:
        return rn.fit(net, batches).draw(batches, seed=seed, max_images=images)
    rainbow = rn.fit(net, batches, preset=rn.PAPER, alignment=rn.Procrustes(scale=False))
    return rainbow.draw(batches, seed=seed, max_images=images, holdout=0.0)


def run(method: str, chain: Chain) -> Any:
    net, batches = chain.network(), chain.data()
    if method == "layer by layer":
        return lambda: layer_by_layer(net, batches, seed=0)
    return lambda: lockstep(net, batches, chain.images, seed=0, best=method == "least squares")


def measured(method: str, chain: Chain) -> dict[str, float]:
    """Return the time, the layer evaluations per image and the extra memory of one sampling; for a fresh process."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RainbowWarning)  # A warm-up on one batch has too few rows to align well.
        run(method, replace(chain, images=256))()
    counted = 0

    def count(module: nn.Module, args: Any, output: Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.Conv2d | nn.Linear):
            counted += len(output)

    step = run(method, chain)
    hook = register_module_forward_hook(count)
    before = reset_peak()
    start, busy = time.perf_counter(), time.process_time()
    step()
    busy, seconds = time.process_time() - busy, time.perf_counter() - start
    hook.remove()
    return {
        "seconds": seconds,
        "processor_seconds": busy,
        "evaluations_per_image": counted / chain.images,
        "peak_mib": (peak_memory() - before) / 2**20,
    }


def reset_peak() -> int:
    """Give freed memory back, start the record of peak memory again, and return the bytes held now."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory() -> int:
    """Return the most bytes of memory this process held since the record began."""
    if sys.platform.startswith("linux"):
        status = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in status if line.startswith("VmHWM")))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def disagreement(chain: Chain) -> float:
    """Return the relative distance of the logits of both samplers' networks, given the same drawn neurons.

    In float64 and without the directions that dead channels leave undetermined: the rest must be the same.
    """
    torch.set_num_threads(1)
    chain = replace(chain, images=min(chain.images, 128 if chain.kind == "conv" else 2048))
    net, batches = chain.network().double(), [batch.double() for batch in chain.data()]
    sample = lockstep(net, batches, chain.images, seed=0)
    rows = {name: drawn for name, (drawn, _) in sample.rows.items()}
    other = layer_by_layer(net, batches, seed=0, rows=rows, cut=1e-12)
    with torch.no_grad():
        ours, theirs = sample.network(batches[0]), other(batches[0])
    return (torch.linalg.norm(ours - theirs) / torch.linalg.norm(theirs)).item()


def shares(method: str, chain: Chain) -> dict[str, Any]:
    """Return where the time of the library goes, and the least time its products could take."""
    torch.set_num_threads(1)
    step = run(method, chain)
    step()
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
    groups = {"products": 0.0, "factorisations": 0.0, "other operations": 0.0}
    kept: dict[str, float] = {}
    for event in profiler.key_averages():
        name = event.key.removeprefix("aten::").strip("_")
        group = "other operations"
        if name.startswith(FACTORS):
            group = "factorisations"
        elif name.startswith(PRODUCTS) or name.endswith(PRODUCTS):
            group = "products"
        groups[group] += event.self_cpu_time_total / 1e6
        kept[event.key] = event.self_cpu_time_total / 1e6
    groups["python and overhead"] = max(0.0, seconds - sum(groups.values()))
    forward, moments = chain.multiply_adds()
    convolving, multiplying = throughput(chain)
    bound = forward / convolving + moments / multiplying
    return {
        "method": method,
        "chain": vars(chain),
        "seconds_profiled": seconds,
        "shares": {name: value / seconds for name, value in groups.items()},
        "longest": dict(sorted(kept.items(), key=lambda item: -item[1])[:12]),
        "multiply_adds": {"forwards": forward, "moments": moments},
        "measured_gmac_per_second": {"layer": convolving / 1e9, "moment": multiplying / 1e9},
        "lower_bound_seconds": bound,
    }


@torch.no_grad()
def throughput(chain: Chain) -> tuple[float, float]:
    """Return the multiply-adds a second of one layer of a chain and of a moment's product, each alone."""
    layer = list(weighted(chain.network()).values())[1]
    positions = chain.size**2 if chain.kind == "conv" else 1
    shape = (256, chain.width, chain.size, chain.size) if chain.kind == "conv" else (256, chain.width)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    rows = torch.randn(256 * positions, chain.width, generator=torch.Generator().manual_seed(0))
    return (
        layer.weight.numel() * 256 * positions / fastest(lambda: layer(inputs)),
        chain.width**2 * len(rows) / fastest(lambda: rows.T @ rows),
    )


def fastest(step: Any, repeats: int = 20) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)


def compare(chain: Chain, repeats: int, pool: Any) -> dict[str, Any]:
    """Measure all methods in turn on one chain."""
    found: dict[str, list[dict[str, float]]] = {method: [] for method in METHODS}
    for _ in range(repeats):
        for method in METHODS:
            found[method].append(pool.apply(measured, (method, chain)))
    result: dict[str, Any] = {"chain": vars(chain), "disagreement": pool.apply(disagreement, (chain,)), "methods": {}}
    for method, runs in found.items():
        seconds = [run["seconds"] for run in runs]
        result["methods"][method] = {
            "seconds": statistics.median(seconds),
            "processor_seconds": statistics.median(run["processor_seconds"] for run in runs),
            "all_seconds": seconds,
            "evaluations_per_image": runs[0]["evaluations_per_image"],
            "peak_mib": statistics.median(run["peak_mib"] for run in runs),
        }
    for key in ("seconds", "processor_seconds"):
        base = result["methods"]["layer by layer"][key]
        for row in result["methods"].values():
            row[f"times_faster_by_{key}"] = base / row[key]
    return result


def ratio(result: dict[str, Any]) -> float:
    """Return how many times faster the library is, on the clock."""
    return result["methods"]["lockstep"]["times_faster_by_seconds"]


def print_results(results: list[dict[str, Any]], profiles: list[dict[str, Any]]) -> None:
    lines = []
    for result in results:
        for method, row in result["methods"].items():
            chain = result["chain"]
            lines.append(
                [
                    f"{chain['kind']} {chain['depth']}",
                    method,
                    f"{row['seconds']:.2f}",
                    f"{row['times_faster_by_seconds']:.1f}",
                    f"{row['processor_seconds']:.2f}",
                    f"{row['times_faster_by_processor_seconds']:.1f}",
                    f"{row['evaluations_per_image']:.1f}",
                    f"{row['peak_mib']:.0f}",
                    f"{result['disagreement']:.0e}" if method == "lockstep" else "",
                ]
            )
    headers = ["chain", "method", "seconds", "ratio", "processor s", "ratio", "layers / image", "peak MiB", "differ by"]
    show("Sampling one network", headers, lines)
    lines = [
        [
            f"{found['chain']['kind']} {found['chain']['depth']}",
            found["method"],
            *(f"{100 * share:.0f} %" for share in found["shares"].values()),
            f"{found['lower_bound_seconds']:.2f}",
            f"{found['processor_seconds'] / found['lower_bound_seconds']:.2f}",
        ]
        for found in profiles
    ]
    groups = list(profiles[0]["shares"]) if profiles else []
    show("Where the library's time goes", ["chain", "method", *groups, "lower bound, s", "times the bound"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--width", type=int, default=64, help="channels of the convolutions")
    parser.add_argument("--images", type=int, default=2000, help="images of 8×8 pixels for the convolutions")
    parser.add_argument("--mlp-width", type=int, default=256)
    parser.add_argument("--mlp-images", type=int, default=20_000, help="images for the perceptrons")
    parser.add_argument("--kinds", nargs="+", default=["conv", "mlp"], choices=["conv", "mlp"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "lockstep.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = {"conv": (options.width, options.images), "mlp": (options.mlp_width, options.mlp_images)}
    results, profiles = [], []
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "rainbownet"])
    with context.Pool(1, maxtasksperchild=1) as pool:
        for kind in options.kinds:
            chains = [Chain(kind, depth, *sizes[kind]) for depth in options.depths]
            for chain in chains:
                results.append(compare(chain, options.repeats, pool))
                faster = ratio(results[-1])
                print(f"{kind} {chain.depth}: {faster:.1f} times as fast as layer by layer", flush=True)
            for method in METHODS[1:]:
                measured_alone = results[-1]["methods"][method]["processor_seconds"]
                profiles.append({**pool.apply(shares, (method, chains[-1])), "processor_seconds": measured_alone})
    print_results(results, profiles)
    for result in results:
        if result["chain"]["depth"] == 16:
            verdict = "met" if ratio(result) >= GOAL else "missed"
            print(f"goal, {result['chain']['kind']} of depth 16: ratio ≥ {GOAL:g}: {ratio(result):.1f}, {verdict}")
    write_json(options.out, {"repeats": options.repeats, "goal": GOAL, "results": results, "profiles": profiles})


if __name__ == "__main__":
    main()
