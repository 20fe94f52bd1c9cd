"""Accuracy against bytes, of files of statistics and of their peers; spiked laws with their noise."""

import statistics
from collections.abc import Sequence
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section, at_least
from sections.companions import companions, does_nothing, over_seeds, said_of_controls

TENTH = 0.1
"""Share of the bytes of float32 weights at which a file is judged."""

Rows = Sequence[dict[str, Any]]


def compression(result: dict[str, Any]) -> str:
    def cell(row: dict[str, Any]) -> str:
        options = [f"×{row['width']:g}" if "width" in row else "", row.get("precision", "")]
        return f"{row['bytes'] / 1e3:.1f} kB " + ", ".join(filter(None, options))

    text = [
        "Accuracy in % on test images against bytes, nothing trained further. Options are chosen on validation "
        "images. Ours is the whole file, peers are numbers without headers. *Regenerated*: what the file gives without "
        "data; *samples*: other members drawn from it. Nothing was published for these networks."
        "\n\n![Accuracy against bytes](images/compression.png)"
    ]
    for name, found in result["curves"].items():
        rows = [
            [
                row["kind"],
                cell(row),
                over_seeds(row["test"]),
                over_seeds(row["samples"]) if "samples" in row else "",
                ", ".join(map(str, row.get("ranks", []))) if len(row.get("ranks", [])) < 5 else "",
            ]
            for row in found["rows"]
        ]
        counts = f"{found['test_images']} test images, {found['images']} to align on"
        title = f"### {name}\n\nTrained: {found['trained']:.1f} % on {counts}"
        headers = ["what", "size and options", "accuracy (regenerated)", "samples", "ranks"]
        note = " " + found["note"] if "note" in found else ""
        text += [title + "." + note + "\n\n" + table(headers, rows), _companions(found)]
        text += said_of_controls(_nothing(found["rows"], found["test_images"]))
    if result["spiked"]:
        rows = [
            [
                f"{name}, samples ×{found['width']}",
                law,
                f"{found['trained']:.1f}",
                f"{own['reference']:.1f}",
                f"{own['logits_moved']:.0e}",
                over_seeds(own["samples"]),
                str(own["emptied"]),
            ]
            for name, found in result["spiked"].items()
            for law, own in found.items()
            if isinstance(own, dict)
        ]
        headers = ["network", "law", "trained", "reference", "its logits move by", "samples", "populations emptied"]
        text.append("### Spiked laws with their noise\n\n" + table(headers, rows))
    return "\n\n".join(text)


def _companions(found: dict[str, Any]) -> str:
    kinds = {row["kind"]: row for row in found["rows"]}
    identity = kinds.get("identity baseline")
    return companions(
        {
            "trained network": f"{found['trained']:.1f} %",
            "identity baseline": None if identity is None else over_seeds(identity["test"]),
            "white control": "in the table" if any(kind.startswith("white") for kind in kinds) else None,
            "copy score": None,
            "held-out quality": None,
            "rows per channel": None,
        }
    )


def _nothing(rows: Rows, images: int) -> list[str]:
    """Return which files of ours are no better than the largest white one that takes no more bytes."""
    said = []
    for row in rows:
        white = [other for other in rows if other["kind"].startswith("white") and other["bytes"] <= 1.01 * row["bytes"]]
        if row["kind"].startswith("ours") and white:
            control = max(white, key=lambda other: other["bytes"])
            name = f"{row['kind']} beside {control['kind']} of {control['bytes'] / 1e3:.1f} kB"
            said.append(does_nothing(name, row["test"], control["test"], images))
    return said


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return whether a file of a tenth of the bytes keeps the rainbow's accuracy, and the trained network's."""
    found = []
    for name, own in result["curves"].items():
        kinds = {row["kind"]: row for row in own["rows"]}
        small = [row for row in own["rows"] if row["kind"].startswith("ours") and row["share"] <= TENTH]
        if "full rank" not in kinds or not small:
            continue
        best = max(small, key=lambda row: statistics.mean(row["test"]))
        full = statistics.mean(kinds["full rank"]["test"])
        what = "ours in 1/10 of the bytes or less"
        found += at_least(name, f"{what}, within 1 point of full rank", best["test"], round(full - 1, 1))
        found += at_least(name, f"{what}, within 2 points of the trained", best["test"], round(own["trained"] - 2, 1))
    return found


SECTION = Section(55, {"compression.json": "Rate and accuracy"}, compression, aims)
