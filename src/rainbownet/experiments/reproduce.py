"""Reproducing figures: numbers, pictures and one JSON file each."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from rainbownet.errors import FileError
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure
from rainbownet.files.write import make_folder, write_text
from rainbownet.plotting.style import save
from rainbownet.record import machine, plain, versions


def reproduce(figure: Figure, context: Context, out: Path) -> dict[str, Any]:
    """Compute a figure, draw it, and write `NAME.json`, `NAME.png` and `NAME.pdf`.

    Args:
        figure: The figure.
        context: Where networks and images come from.
        out: Folder of the files; made if it is not there.

    Returns:
        What the JSON file holds.

    Raises:
        MissingExtra: Without matplotlib.
        FileError: If a file cannot be written.
    """
    make_folder(out)
    began, made = time.perf_counter(), []

    def report(text: str) -> None:
        made.append(text)
        if context.report is not None:
            context.report(text)

    outcome = figure.compute(replace(context, report=report))
    found = outcome.to_dict()
    content = {
        "figure": figure.name,
        "title": figure.title,
        "source": figure.source,
        "scale": context.scale.words,
        "command": _command(figure, context),
        "seconds": round(time.perf_counter() - began, 1),
        "trained": len(made),
        "machine": machine(),
        "versions": versions(),
        "networks": found["networks"],
        "notes": found["notes"],
        "claims": [claim.to_dict() for claim in figure.claims(outcome.tables)],
        "tables": found["tables"],
    }
    picture = figure.draw(outcome.tables)
    for kind in ("png", "pdf"):
        save(picture, out / f"{figure.name}.{kind}")
    text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(out / f"{figure.name}.json", text)
    return content


def _command(figure: Figure, context: Context) -> str:
    data = "" if figure.prepare is None else f" --data {Path(str(context.large)).name}"
    return f"rainbownet reproduce {figure.name}{data} --scale {context.scale.name}"


def tables_of(content: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables of a JSON file."""
    return {name: pd.DataFrame(rows) for name, rows in content["tables"].items()}


def read(path: Path) -> dict[str, Any]:
    """Return what a JSON file of a figure holds.

    Raises:
        FileError: If it is not there or is not that.
    """
    if not path.is_file():
        raise FileError(f"{path}: no such file; it is written by: rainbownet reproduce {path.stem}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileError(f"{path}: not JSON: {error}") from error
    if not (isinstance(content, dict) and isinstance(content.get("tables"), dict)):
        raise FileError(f"{path}: no tables of a figure in it; it is written by: rainbownet reproduce {path.stem}")
    return content


def made(figure: Figure, context: Context, out: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds, if it is of the same scale and version and its pictures are there; else None."""
    path = out / f"{figure.name}.json"
    if not all(path.with_suffix(kind).is_file() for kind in (".json", ".png", ".pdf")):
        return None
    content = read(path)
    same = (content.get("scale"), content.get("versions")) == (context.scale.words, versions())
    return content if same else None


def redraw(figure: Figure, out: Path) -> None:
    """Draw a figure again from its JSON file.

    Raises:
        FileError: If the file is not there or is not that of a figure.
    """
    tables = tables_of(read(out / f"{figure.name}.json"))
    for kind in ("png", "pdf"):
        save(figure.draw(tables), out / f"{figure.name}.{kind}")
