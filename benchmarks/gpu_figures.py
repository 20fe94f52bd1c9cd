"""Pictures of what `gpu.py` found: accuracy against width, the hardware in the title."""

import json
import statistics
from pathlib import Path
from typing import Any

from rainbownet.plotting.style import COLOURS, legend, panels, save, width_axis


def draw_wide(out: Path) -> Path | None:
    """Draw accuracies of wide samples of the ResNet-20 from `resnet20.json`, as `resnet20.png`; nothing without it.

    Args:
        out: Folder of results.
    """
    path = out / "resnet20.json"
    if not path.is_file():
        return None
    result = json.loads(path.read_text())
    drawn = [draw for draw in result["draws"] if draw["part"] == "wide"]
    figure, (axis,) = panels(1, 1, width=5.6)
    for setting, colour in zip(dict.fromkeys(draw["setting"] for draw in drawn), COLOURS, strict=False):
        found = _by_width(drawn, setting)
        means = [statistics.mean(values) for values in found.values()]
        spreads = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in found.values()]
        axis.errorbar(list(found), means, spreads, fmt="o-", markersize=4, capsize=3, color=colour, label=setting)
    axis.axhline(result["trained"], color="black", linewidth=1, linestyle="--", label="trained")
    width_axis(axis, sorted({width for draw in drawn for width in [_width(draw)]}))
    axis.set_ylabel("test accuracy, %")
    hardware = result["machine"].get("gpu") or result["machine"]["cpu"]
    axis.set_title(f"ResNet-20 on {hardware}, {result['images']} images to align on", loc="left")
    legend(axis)
    picture = out / "resnet20.png"
    save(figure, picture)
    return picture


def _width(draw: dict[str, Any]) -> float:
    return float(draw["label"].removeprefix("×"))


def _by_width(drawn: list[dict[str, Any]], setting: str) -> dict[float, list[float]]:
    found: dict[float, list[float]] = {}
    for draw in drawn:
        if draw["setting"] == setting:
            found.setdefault(_width(draw), []).append(draw["accuracy"])
    return dict(sorted(found.items()))
