"""How close the library is to what its work must cost, before and after: one table.

    python benchmarks/performance.py [--works limit "fit wide"] [--first]

Each piece of work (`works.py`) is done by the library of an earlier commit, by that of the working tree, and beside
them the bound or peer that it is compared with: in processes of one thread that take turns, so that a busy machine is
busy for all. Seconds are of processor time, the least of the repeats. `--first` adds the version before any of this
work, once each. Earlier versions are taken out of the repository by `git archive`.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from common import RESULTS, ROOT, show, write_json

BEFORE, FIRST = "b1a9148", "5c83f56"
TITLES: dict[str, tuple[str, str, float]] = {
    "draw conv 16": ("draw of 16 convolutions of 64 channels, 2000 images", "forwards and moments", 1.3),
    "draw mlp 16": ("draw of 16 linear layers of 256 neurons, 20000 images", "forwards and moments", 1.3),
    "draw resnet20 x4": ("draw of ResNet-20 four times as wide, 256 images", "forwards and moments", 1.3),
    "limit": ("limit of digits_cnn, 1024 landmarks", "200 products of 2048 × 2048", 0.3),
    "limit forward": ("outputs of that limit", "sample ×16", 3.0),
    "memory conv 16": ("memory of a draw of 16 convolutions of 64 channels, 2000 images", "layer by layer", 1.0),
    "fit wide": ("fit of 23 layers of up to 728 channels", "eigenvectors of products", 3.0),
    "rotation 512": ("rotation of 512 channels", "singular vectors (LAPACK)", 1.1),
    "moments": ("moments of 50000 × 512 rows", "bare products", 1.1),
    "help": ("rainbownet --help", "import torch", 0.25),
}
"""What each work is called, what it is compared with, and the ratio that is aimed at."""

UNITS = {"memory conv 16": "MiB"}
"""What is measured, where it is not seconds."""

ONCE = ("limit", "memory conv 16")
"""What is measured once in the earlier version: minutes of work there, or no less at a second time."""

SCALE = {"limit": 10.0}
"""How often the bound that is measured goes into the one that is meant."""


class Version:
    """A process that works with one version of the library."""

    def __init__(self, source: Path) -> None:
        paths = [str(source), str(ROOT / "benchmarks")]
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks" / "works.py")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Version":
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def seconds(self, line: str) -> float:
        """Return the processor seconds of a work."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def source_of(commit: str, folder: Path) -> Path:
    """Take the library of a commit out of the repository."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit, "src"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder / commit, filter="data")
    return folder / commit / "src"


def measure(name: str, versions: dict[str, Version], repeats: int) -> dict[str, Any]:
    """Measure a work in all versions in turn, and its bound."""
    found: dict[str, list[float]] = {key: [] for key in (*versions, "bound")}
    for repeat in range(repeats):
        for key, version in versions.items():
            if repeat == 0 or (key != "first" and not (key == "before" and name in ONCE)):
                found[key].append(version.seconds(name))
        found["bound"].append(SCALE.get(name, 1.0) * versions["after"].seconds(f"bound {name}"))
    row: dict[str, Any] = {key: min(values) for key, values in found.items()}
    row["all"] = found
    title, peer, goal = TITLES[name]
    return {"work": title, "compared with": peer, "goal": goal, "unit": UNITS.get(name, "s"), **row}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--first", action="store_true", help="measure the version before this work too, once")
    parser.add_argument("--out", type=Path, default=RESULTS / "performance.json")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sources = {"first": source_of(FIRST, Path(folder))} if options.first else {}
        sources |= {"before": source_of(BEFORE, Path(folder)), "after": ROOT / "src"}
        versions = {key: stack.enter_context(Version(source)) for key, source in sources.items()}
        for name in options.works:
            rows.append(measure(name, versions, options.repeats))
            write_json(options.out, {"before": BEFORE, "first": FIRST if options.first else None, "rows": rows})
            print(f"{name}: {rows[-1]['after'] / rows[-1]['bound']:.2f} times {TITLES[name][1]}", flush=True)
    columns = [key for key in ("first", "before", "after") if key in rows[0]]
    lines = [
        [row["work"], row["compared with"], row["unit"], row["bound"], *(row[key] for key in columns)]
        + [f"{row[key] / row['bound']:.2f}" for key in columns]
        + [f"{row['goal']:g}"]
        for row in rows
    ]
    headers = ["work", "compared with", "unit", "there", *columns, *(f"{key} ratio" for key in columns)]
    show("Processor seconds, or MiB", [*headers, "goal"], lines)


if __name__ == "__main__":
    main()
