"""What returning memory to the system costs a training on a CPU: the same epochs with and without glibc's thresholds.

    python benchmarks/allocation.py [--net paper_scattering4] [--width 0.5] [--steps 20] [--rounds 3]

Every step frees and asks again for the same large tensors. glibc's malloc maps each of them anew and gives them back,
and the system fills every page with zeros. The settings of `KEEP` make malloc keep what it has.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import torch
import torch.nn.functional as F

from common import RESULTS, show, write_json
from rainbownet.nets import build

KEEP = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "20000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Map nothing on its own, give nothing back, grow by 256 MiB."""


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Train for some steps in this process; return images a second and the share of system time."""
    net = build(options.net, width=options.width)
    images, classes = torch.randn(options.batch, 3, 32, 32), torch.randint(0, 10, (options.batch,))

    def step() -> None:
        net.zero_grad()
        F.cross_entropy(net(images), classes).backward()

    step()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for _ in range(options.steps):
        step()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return {
        "images_per_second": options.batch * options.steps / seconds,
        "system_share": system / (user + system),
        "peak_mebibytes": after.ru_maxrss / 1024,
    }


def spawned(options: argparse.Namespace, environment: dict[str, str]) -> dict[str, float]:
    """Return what a fresh process with an environment measures."""
    command = [sys.executable, __file__, "--inside", "--net", options.net, "--width", str(options.width)]
    command += ["--steps", str(options.steps), "--batch", str(options.batch)]
    clean = {name: value for name, value in os.environ.items() if name not in KEEP}
    found = subprocess.run(command, env=clean | environment, check=True, capture_output=True, text=True)
    return json.loads(found.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", default="paper_scattering4")
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options)))
        return
    kinds: dict[str, dict[str, str]] = {"as it is": {}, "memory kept": KEEP}
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind, environment in kinds.items():
            found[kind].append(spawned(options, environment))
    medians: dict[str, dict[str, Any]] = {
        kind: {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        for kind, runs in found.items()
    }
    settings = {name: getattr(options, name) for name in ("net", "width", "batch", "steps", "rounds")}
    write_json(RESULTS / "allocation.json", {"settings": settings, "environment": KEEP, "medians": medians})
    rows = [[kind, *values.values()] for kind, values in medians.items()]
    show("One process training", ["memory", "images/s", "system time", "peak MiB"], rows)


if __name__ == "__main__":
    main()
