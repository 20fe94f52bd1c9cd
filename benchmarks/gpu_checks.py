"""Large matrices on a device: polar factors against the SVD, and draws and maps against the processor.

    python benchmarks/gpu_checks.py [--device cuda] [--size 4096] [--out benchmarks/results/gpu_checks.json]

Each check writes a row: largest relative difference, what it may be, and seconds on the device and of what it is
compared with. A row that is in the file is not measured again.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import App, Parameter
from cyclopts.validators import Number
from torch import Tensor

import rainbownet as rn
from common import RESULTS, show, write_json
from rainbownet.aligned import polar_factor
from rainbownet.moments import CrossMoment
from rainbownet.nets import build

app = App(help="Large matrices on a device.", version_flags=[])
DTYPES = {"float32": torch.float32, "float64": torch.float64, "complex64": torch.complex64}
TOLERANCE = {"float32": 1e-3, "float64": 1e-10, "complex64": 1e-3}
"""Singular values of a square Gaussian matrix reach down to 1/d of the largest, and a direction is known to eps · d."""


def matrix(size: int, dtype: torch.dtype) -> Tensor:
    """Return a Gaussian matrix, the same on every machine."""
    return torch.randn(size, size, dtype=dtype, generator=torch.Generator().manual_seed(0))


def seconds(work: Callable[[], Tensor], device: str) -> tuple[Tensor, float]:
    """Return what a function gives, and the seconds it takes the second time."""
    work()
    began = time.perf_counter()
    found = work()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return found, round(time.perf_counter() - began, 4)


def difference(found: Tensor, wanted: Tensor) -> float:
    """Return the norm of a difference, relative."""
    found, wanted = (part.cpu().to(torch.complex128) for part in (found, wanted))
    return (torch.linalg.matrix_norm(found - wanted) / torch.linalg.matrix_norm(wanted)).item()


def polar(size: int, name: str, device: str) -> dict[str, Any]:
    """Compare the polar factor with that of the SVD on the device, in double precision."""
    given = matrix(size, DTYPES[name]).to(device)
    found, own = seconds(lambda: polar_factor(given), device)
    double = given.to(torch.complex128 if given.is_complex() else torch.float64)

    def by_svd() -> Tensor:
        u, _, v = torch.linalg.svd(double, full_matrices=False)
        return u @ v

    wanted, theirs = seconds(by_svd, device)
    row = {"difference": difference(found, wanted), "most": TOLERANCE[name]}
    return row | {"seconds": own, "seconds of the other": theirs}


def moments(size: int, name: str, device: str) -> dict[str, Any]:
    """Compare a cross moment with that on the processor, in double precision."""
    x, y = matrix(size, DTYPES[name]), matrix(size, DTYPES[name]).flip(0)

    def on(place: str, dtype: torch.dtype) -> Tensor:
        moment = CrossMoment(size, size, dtype=_double(dtype), device=place)
        return moment.update(x.to(place, dtype), y.to(place, dtype)).cross

    found, own = seconds(lambda: on(device, x.dtype), device)
    wanted, theirs = seconds(lambda: on("cpu", _double(x.dtype)), "cpu")
    row = {"difference": difference(found, wanted), "most": 1e-6 if name != "float64" else 1e-12}
    return row | {"seconds": own, "seconds of the other": theirs}


def drawn(size: int, name: str, device: str) -> dict[str, Any]:
    """Compare the outputs of a sample on the device with those of the same draw on the processor."""
    width = max(size / 512, 0.125)
    outputs, taken = [], []
    for place in (device, "cpu"):
        net = build("tutorial_mlp", width=width).to(place, DTYPES[name])
        images = torch.randn(max(size, 64), 1, 32, 32, generator=torch.Generator().manual_seed(1))
        batches = [images.to(place, DTYPES[name])]
        began = time.perf_counter()
        sample = rn.fit(net, batches).sample(batches, draw="identity", alignment=rn.Procrustes(), holdout=0.0)
        taken.append(round(time.perf_counter() - began, 4))
        with torch.no_grad():
            outputs.append(sample(batches[0]).cpu())
    row = {"difference": difference(*outputs), "most": 1e-3 if name == "float32" else 1e-9}
    return row | {"seconds": taken[0], "seconds of the other": taken[1]}


CHECKS = {
    **{("polar factor against the SVD", name): polar for name in DTYPES},
    **{("cross moment against the processor", name): moments for name in DTYPES},
    **{("identity draw against the processor", name): drawn for name in ("float32", "float64")},
}


def _double(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


@app.default
def main(
    *,
    device: str = "cuda",
    size: Annotated[int, Parameter(validator=Number(gte=2))] = 4096,
    out: Path = RESULTS / "gpu_checks.json",
) -> None:
    """Measure the checks that are not in the file.

    Args:
        device: What is compared.
        size: Rows and columns of the matrices.
        out: File of results.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    rows: list[dict[str, Any]] = json.loads(out.read_text())["rows"] if out.is_file() else []
    known = {(row["check"], row["dtype"], row["size"]) for row in rows}
    for (check, name), work in CHECKS.items():
        if (check, name, size) not in known:
            rows.append({"check": check, "dtype": name, "size": size, **work(size, name, device)})
            rows[-1]["met"] = rows[-1]["difference"] <= rows[-1]["most"]
            write_json(out, {"rows": rows}, device=device)
    keys = ["check", "dtype", "size", "difference", "most", "seconds", "seconds of the other"]
    show("Checks", keys, [[row[key] for key in keys] for row in rows])
    if wrong := [f"{row['check']}, {row['dtype']}" for row in rows if not row["met"]]:
        raise SystemExit(f"differs: {'; '.join(wrong)}")


if __name__ == "__main__":
    app()
