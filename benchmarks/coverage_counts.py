"""What counts as exact, as failed and as covered in the benchmark of coverage."""

from collections.abc import Callable
from typing import Any

EXACT = 1e-9
"""Largest relative difference of outputs in float64 that counts as exact."""

COPIES = ("identity", "shuffled", "doubled")


def failed(found: dict[str, Any]) -> bool:
    """Whether anything went wrong with a network: an error, a copy that is not exact, a sample that is not finite."""
    inexact = any(not found.get(name, 1.0) <= EXACT for name in COPIES)
    return bool(found.get("errors")) or inexact or "not finite" in found.get("draws", {}).values()


def rules() -> dict[str, Callable[[dict[str, Any]], bool]]:
    """Return what is asked of a network, by name."""
    asked: dict[str, Callable[[dict[str, Any]], bool]] = {"traced": lambda found: bool(found.get("traced"))}
    for name, text in zip(COPIES, ("identity draw", "shuffled copies", "doubled copies"), strict=True):
        asked[f"{text} exact"] = lambda found, name=name: found.get(name, 1.0) <= EXACT
    return asked | {
        "all copies exact, half of the parameters drawn": lambda found: (
            all(found.get(name, 1.0) <= EXACT for name in COPIES) and found.get("share", 0) >= 0.5
        ),
        "90 % of the parameters drawn": lambda found: found.get("share", 0) >= 0.9,
        "samples finite at every width that was drawn": lambda found: (
            bool(found.get("draws")) and "not finite" not in found["draws"].values() and not failed(found)
        ),
        "fit under 10 s": lambda found: found.get("fit_seconds", 99.0) < 10,
        "nothing failed": lambda found: not failed(found),
    }
