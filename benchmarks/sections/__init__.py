"""Sections of the page of results: one file here for each benchmark.

To add a section write one file: a function that makes markdown of a result, and the name `SECTION`, which says for
which files of `benchmarks/results` it is and where it stands on the page.
"""

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rainbownet.experiments.markdown import table

INTRODUCTION = (
    "Written by `python benchmarks/report.py` from `benchmarks/results/*.json`; every section names the command "
    "that gave its numbers and the machine it ran on."
)


@dataclass(frozen=True)
class Section:
    """What one benchmark adds to the page.

    Attributes:
        place: Where on the page: sections are in rising order.
        titles: Its files of results, each with a title; files that are not there are left out.
        text: Makes markdown of the content of a file.
    """

    place: int
    titles: Mapping[str, str]
    text: Callable[[dict[str, Any]], str]


def sections() -> list[Section]:
    """Return all sections in the order of the page."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return sorted(
        (module.SECTION for module in modules if hasattr(module, "SECTION")), key=lambda section: section.place
    )


def page(results: Path) -> str:
    """Return the page of the results in a folder."""
    text = ["# Measured", INTRODUCTION]
    for section in sections():
        for name, title in section.titles.items():
            if not (results / name).is_file():
                continue
            result = json.loads((results / name).read_text())
            machine = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
            text += [f"## {title}", f"`{result['command']}` ({machine})", section.text(result)]
    return "\n\n".join(text) + "\n"


def goals(result: dict[str, Any]) -> list[str]:
    """Return the goals of a benchmark with what was reached, whether met or not."""
    met = {True: "met", False: "not met"}
    rows = [[g["network"], g["what"], g["goal"], f"{g['measured']:.1f}", met[g["met"]]] for g in result["goals"]]
    return ["Goals:\n\n" + table(["network", "what", "goal", "measured", ""], rows)] if rows else []
