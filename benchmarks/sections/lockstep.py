"""Cost of a draw: in lockstep against layer by layer."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section

DEPTH = 16
"""The depth that `benchmarks/lockstep.py` sets its goal at."""


def lockstep(result: dict[str, Any]) -> str:
    rows = [
        [
            f"{found['chain']['kind']}, depth {found['chain']['depth']}",
            method,
            f"{row['times_faster_by_seconds']:.1f}",
            f"{row['times_faster_by_processor_seconds']:.1f}",
            f"{row['evaluations_per_image']:.1f}",
            f"{row['peak_mib']:.0f}",
            _met(found["chain"]["depth"], method, row["times_faster_by_seconds"], result["goal"]),
        ]
        for found in result["results"]
        for method, row in found["methods"].items()
    ]
    goal = f"goal at depth {DEPTH}: {result['goal']:g} times"
    costs = ["times as fast (clock)", "(processor)", "layer evaluations an image", "peak MiB"]
    headers = ["chain", "method", *costs, goal]
    text = table(headers, rows)
    shares = [
        [
            f"{found['chain']['kind']}, depth {found['chain']['depth']}",
            found["method"],
            *(f"{100 * share:.0f} %" for share in found["shares"].values()),
            f"{found['processor_seconds'] / found['lower_bound_seconds']:.1f}",
        ]
        for found in result["profiles"]
    ]
    if shares:
        groups = list(result["profiles"][0]["shares"])
        text += "\n\nWhere the time goes:\n\n" + table(["chain", "method", *groups, "times the bound"], shares)
    return text


def _met(depth: int, method: str, times: float, goal: float) -> str:
    if depth != DEPTH or method != "lockstep":
        return ""
    return "met" if times >= goal else "**not met**"


SECTION = Section(140, {"lockstep.json": "Cost: lockstep against layer by layer"}, lockstep)
