"""Reproducing figures: numbers, pictures and one JSON file each, and the table of claims."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
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
    content = {
        "figure": figure.name,
        "title": figure.title,
        "source": figure.source,
        "scale": context.scale.words,
        "command": f"rainbownet reproduce {figure.name} --scale {context.scale.name}",
        "seconds": round(time.perf_counter() - began, 1),
        "trained": len(made),
        "machine": machine(),
        "versions": versions(),
        **outcome.to_dict(),
    }
    picture = figure.draw(outcome.tables)
    for kind in ("png", "pdf"):
        save(picture, out / f"{figure.name}.{kind}")
    text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(out / f"{figure.name}.json", text)
    return content


def redraw(figure: Figure, out: Path) -> None:
    """Draw a figure again from its JSON file.

    Raises:
        FileError: If the file is not there.
    """
    path = out / f"{figure.name}.json"
    if not path.is_file():
        raise FileError(f"{path}: no such file; it is written by: rainbownet reproduce {figure.name}")
    content = json.loads(path.read_text(encoding="utf-8"))
    tables = {name: pd.DataFrame(rows) for name, rows in content["tables"].items()}
    for kind in ("png", "pdf"):
        save(figure.draw(tables), out / f"{figure.name}.{kind}")


def claims_table(contents: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row per claim: figure, claim, published, ours, and whether they agree."""
    words = {True: "yes", False: "no", None: "not told"}
    rows = [
        {"figure": content["figure"]} | {key: claim[key] for key in ("text", "published", "ours")}
        | {"agrees": words[claim["agrees"]]}
        for content in contents
        for claim in content["claims"]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["figure", "text", "published", "ours", "agrees"]).rename(
        columns={"text": "claim"}
    )


def page(out: Path, names: Iterable[str], *, pictures: str, also: Mapping[str, Path] | None = None) -> str:
    """Return a Markdown page of all figures whose JSON files are in a folder.

    Args:
        out: The folder.
        names: Figures, in order.
        pictures: Path of the folder as seen from the page.
        also: Folders of the same figures at other scales, by their path as seen from the page: what they found stands
            below.
    """
    found, others = _read(out, names), {place: _read(folder, names) for place, folder in (also or {}).items()}
    text = [
        "# Reproduction",
        "Written by `rainbownet reproduce`: what the papers found, beside what the same analyses find here. Published "
        "values are drawn in black, with crosses.",
        _table(claims_table(found.values())),
    ]
    for contents in others.values():
        scales = ", ".join(dict.fromkeys(content["scale"] for content in contents.values()))
        text += [
            f"Some figures were made again with more training ({scales}):",
            _table(claims_table(contents.values())),
        ]
    for name, content in found.items():
        text += [f"## {content['title']}", *_section(content, pictures), *content["notes"]]
        for place, contents in others.items():
            if name in contents:
                again = contents[name]
                text += [f"### At scale {_scale(again)}", *_section(again, place), *again["notes"]]
    return "\n\n".join(text) + "\n"


def _scale(content: Mapping[str, Any]) -> str:
    return content["command"].split()[-1]


def _read(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}


def _section(content: Mapping[str, Any], pictures: str) -> list[str]:
    described = ", ".join(f"{key} {value}" for key, value in content["machine"].items() if value)
    trained = f" with {content['trained']} networks trained" if "trained" in content else ""
    return [
        f"{content['source']}. `{content['command']}` ({content['scale']}; {content['networks']}; "
        f"{content['seconds']:.0f} s{trained}; {described})",
        f"![{content['title']}]({pictures}/{content['figure']}.png)",
        _table(claims_table([content]).drop(columns="figure")),
    ]


def _table(frame: pd.DataFrame) -> str:
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
