"""What maps between channels cost, beside SciPy and LAPACK, for growing numbers of channels.

    python benchmarks/alignments.py [--sizes 256 512 1024] [--matching 256 1024 4096] [--device cuda]

The moments are of made-up activations: those of a network, its channels mixed by a rotation (permuted, for the
matching), with noise. Seconds are of processor time on a CPU, in one process of one thread, the least of the repeats;
on a GPU of the clock, beside the same calls of PyTorch. Peers: `scipy.linalg.svd` for the rotation,
`scipy.linalg.solve` of a positive matrix for least squares with one ridge, `scipy.optimize.linear_sum_assignment` for
the matching.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize
import torch

import rainbownet as rn
from common import RESULTS, show, write_json
from rainbownet.moments import CrossMoment

REPEATS = 3


def moment(channels: int, device: str, *, permuted: bool) -> CrossMoment:
    """Return the moments of activations and of their mixed channels."""
    generator = torch.Generator().manual_seed(0)
    z = torch.relu(torch.randn(4 * channels, channels, generator=generator))
    noise = (2.0 if permuted else 0.3) * torch.randn(z.shape, generator=generator)
    if permuted:
        other = z[:, torch.randperm(channels, generator=generator)]
    else:
        mixing = torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q
        other = z @ mixing
    return CrossMoment(channels, channels, device=device).update(z.to(device), (other + noise).to(device))


def best(work: Callable[[], Any], device: str) -> float:
    """Return the least time of a few repeats."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = []
    for _ in range(REPEATS):
        began = clock()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - began)
        if times[0] > 5:
            break
    return min(times)


def factorised(own: CrossMoment, device: str) -> Callable[[], Any]:
    if device != "cpu":
        return lambda: torch.linalg.svd(own.cross)
    cross = own.cross.numpy()
    return lambda: scipy.linalg.svd(cross, lapack_driver="gesdd")


def solved(own: CrossMoment, device: str) -> Callable[[], Any]:
    right, cross = own.right, own.cross
    right.diagonal().add_(1e-3 * own.right_energy / own.right_dim)
    if device != "cpu":
        return lambda: torch.linalg.solve(right, cross.mH)
    return lambda: scipy.linalg.solve(right.numpy(), cross.numpy().T, assume_a="pos")


def compared(channels: int, device: str) -> list[dict[str, Any]]:
    own = moment(channels, device, permuted=False)
    works: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "rotation": (lambda: rn.Procrustes()(own), factorised(own, device)),
        "least squares, one ridge": (lambda: rn.LeastSquares(ridge=1e-3)(own), solved(own, device)),
        "least squares, ridge chosen": (lambda: rn.LeastSquares()(own), solved(own, device)),
    }
    rows = []
    for name, (ours, peer) in works.items():
        rows.append({"map": name, "channels": channels, "ours": best(ours, device), "peer": best(peer, device)})
    return rows


def matched(channels: int, device: str) -> dict[str, Any]:
    own = moment(channels, device, permuted=True)
    gain = own.cross.cpu().numpy()
    ours = best(lambda: rn.Permutation()(own), device)
    peer = best(lambda: scipy.optimize.linear_sum_assignment(gain, maximize=True), "cpu")
    map = rn.Permutation()(own).cpu().numpy()
    _, expected = scipy.optimize.linear_sum_assignment(gain, maximize=True)
    agree = float(np.mean(map.argmax(1) == expected))
    return {"map": "permutation", "channels": channels, "ours": ours, "peer": peer, "agreement": agree}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--matching", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS / "alignments.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for channels in options.sizes:
        rows += compared(channels, options.device)
    rows += [matched(channels, options.device) for channels in options.matching]
    lines = [[row["map"], row["channels"], row["ours"], row["peer"], row["ours"] / row["peer"]] for row in rows]
    show("Maps between channels", ["map", "channels", "ours, s", "peer, s", "ratio"], lines)
    write_json(options.out, {"device": options.device, "rows": rows}, device=options.device)


if __name__ == "__main__":
    main()
