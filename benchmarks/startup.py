"""How long the command line takes to say what it can do, beside the import of PyTorch alone, in the same run.

    python benchmarks/startup.py --json benchmarks/results/startup.json

Each command is started in a process of its own, in turn with the others, so that a busy machine is busy for all.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rainbownet.record import machine, versions

COMMANDS = {
    "rainbownet --help": ["-m", "rainbownet", "--help"],
    "rainbownet --version": ["-m", "rainbownet", "--version"],
    "rainbownet smaple": ["-m", "rainbownet", "smaple"],
    "rainbownet sample --help": ["-m", "rainbownet", "sample", "--help"],
    "import rainbownet": ["-c", "import rainbownet"],
    "import torch": ["-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(given.repeats):
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
            seconds[name].append(time.perf_counter() - began)
    rows = [{"command": name, "median": statistics.median(s), "least": min(s)} for name, s in seconds.items()]
    for row in rows:
        print(f"{row['command']:28} {row['median']:.3f} s (least {row['least']:.3f} s)")
    content = {"repeats": given.repeats, "seconds": rows, "versions": versions(), "machine": machine()}
    given.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
