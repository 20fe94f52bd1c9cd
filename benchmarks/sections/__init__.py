"""Sections of the page of results: one file here for each benchmark.

To add a section write one file: a function that makes markdown of a result, and the name `SECTION`, which says for
which files of `benchmarks/results` it is and where it stands on the page.
"""

import importlib
import json
import pkgutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rainbownet.experiments.markdown import table

INTRODUCTION = (
    "Written by `python benchmarks/report.py` from `benchmarks/results/*.json`; every section names the command "
    "that gave its numbers and the machine it ran on. Accuracies of samples are means ± the sample standard deviation "
    "over seeds, with the number of seeds in brackets: one seed has no deviation, and says little. What a table should "
    "have beside them and has not is said to be *not measured*. "
    "ResNet-20, projection shortcuts, the transformer, the tutorial, limits, symmetry and scattering were measured "
    "with one ridge of 0.001 for all layers, the default of least squares before each layer's was chosen, where a row "
    "does not say otherwise."
)


@dataclass(frozen=True)
class Section:
    """What one benchmark adds to the page.

    Attributes:
        place: Where on the page: sections are in rising order.
        titles: Its files of results, each with a title; files that are not there are left out.
        text: Makes markdown of the content of a file.
        aims: Goals that the file itself does not name, from its content: see `goal`.
    """

    place: int
    titles: Mapping[str, str]
    text: Callable[[dict[str, Any]], str]
    aims: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda result: []


def goal(network: str, what: str, wanted: str, measured: float, *, met: bool) -> dict[str, Any]:
    """Return a goal with what was reached, as files of results name it."""
    return {"network": network, "what": what, "goal": wanted, "measured": measured, "met": met}


def at_least(network: str, what: str, values: Sequence[float], least: float) -> list[dict[str, Any]]:
    """Return the goal that a mean is at least a number; none where it was not measured.

    Example:
        >>> [found["met"] for found in at_least("vit", "×1", [69.0, 71.0], 64.0)], at_least("vit", "×2", [], 70.0)
        ([True], [])
    """
    mean = statistics.mean(values) if values else 0.0
    return [goal(network, what, f"≥ {least:g}", mean, met=mean >= least)] if values else []


def sections() -> list[Section]:
    """Return all sections in the order of the page."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return sorted(
        (module.SECTION for module in modules if hasattr(module, "SECTION")), key=lambda section: section.place
    )


def page(results: Path) -> str:
    """Return the page of the results in a folder."""
    known = []
    for section in sections():
        for name, title in section.titles.items():
            if (results / name).is_file():
                result = json.loads((results / name).read_text())
                aims = section.aims(result)
                known.append((section, title, result | {"goals": [*goals_of(result), *aims]} if aims else result))
    text = ["# Measured", INTRODUCTION, *summary([(title, goals_of(result)) for _, title, result in known])]
    for section, title, result in known:
        machine = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
        text += [f"## {title}", f"`{result['command']}` ({machine})", section.text(result)]
        text += goals(result)
    return "\n\n".join(text) + "\n"


def goals_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the goals that a result names: what, the goal, what was measured, and whether it was met."""
    found = result.get("goals", [])
    return found if isinstance(found, list) else []


def goals(result: dict[str, Any]) -> list[str]:
    """Return the goals of a benchmark with what was reached, whether met or not."""
    found = goals_of(result)
    rows = [[g["network"], g["what"], g["goal"], f"{g['measured']:.1f}", _met(g)] for g in found]
    return ["Goals:\n\n" + table(["network", "what", "goal", "measured", ""], rows)] if rows else []


def summary(found: Sequence[tuple[str, list[dict[str, Any]]]]) -> list[str]:
    """Return how many goals were met, and those that were not.

    Args:
        found: Title and goals of each result.
    """
    named = [(title, goal) for title, own in found for goal in own]
    if not named:
        return []
    missed = [(title, goal) for title, goal in named if not goal["met"]]
    text = f"Of {len(named)} goals that benchmarks set themselves {len(named) - len(missed)} are met"
    if not missed:
        return [text + "."]
    rows = [[title, g["network"], g["what"], g["goal"], f"{g['measured']:.1f}"] for title, g in missed]
    return [f"{text}. Not met:\n\n" + table(["section", "network", "what", "goal", "measured"], rows)]


def _met(goal: dict[str, Any]) -> str:
    return "met" if goal["met"] else "**not met**"
