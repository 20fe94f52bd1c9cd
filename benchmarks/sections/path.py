"""Barriers on the paths between two networks."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def paths(result: dict[str, Any]) -> str:
    rows = []
    for name, found in result["networks"].items():
        for kind, barrier in found["barriers"].items():
            rows.append([name, kind, f"{100 * barrier['error']:.1f}", f"{barrier['loss']:.3f}"])
    text = "The largest rise of the test error (points) and of the loss above the chord between the two ends."
    return text + "\n\n" + table(["networks", "path", "error", "loss"], rows)


SECTION = Section(70, {"path.json": "Paths between two networks"}, paths)
