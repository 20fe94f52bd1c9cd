"""What the benchmarks share: where data lies, on what machine they run, and how results are written and shown."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def data_folder(name: str) -> Path | None:
    """Return the folder of a data set under `RAINBOWNET_DATA` (or `../shared/data`), None if it is absent."""
    folder = Path(os.environ.get("RAINBOWNET_DATA") or ROOT.parent / "shared" / "data") / name
    return folder if folder.is_dir() else None


def skip(reason: str) -> NoReturn:
    """End the benchmark, successfully, for want of something it needs."""
    print(f"skipped: {reason}")
    raise SystemExit(0)


def machine(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Describe what a benchmark runs on: processor, cores and threads used, GPU, versions."""
    described = {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if torch.device(device).type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def command_line(arguments: Sequence[str] | None = None) -> str:
    """Return the command that was run, without the folders of absolute paths."""
    script, *options = sys.argv if arguments is None else arguments
    short = [Path(option).name if Path(option).is_absolute() else option for option in options]
    return " ".join(["python", f"benchmarks/{Path(script).name}", *short])


def write_json(path: Path, result: dict[str, Any], *, device: torch.device | str = "cpu") -> None:
    """Write a result with the machine and the command it comes from; a reader sees the whole file or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"command": command_line(), "machine": machine(device), **result}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(whole, indent=2, allow_nan=False) + "\n")
    temporary.replace(path)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers to the right."""
    table = Table(title=title, title_justify="left")
    for k, column in enumerate(columns):
        numeric = all(isinstance(row[k], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric or k else "left")
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    # A pipe has no width of its own; 80 columns would cut the tables.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
