"""Accuracy against bytes, of files of statistics and of their peers; spiked laws with their noise."""

from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section


def compression(result: dict[str, Any]) -> str:
    def cell(row: dict[str, Any]) -> str:
        options = [f"×{row['width']:g}" if "width" in row else "", row.get("precision", "")]
        return f"{row['bytes'] / 1e3:.1f} kB " + ", ".join(filter(None, options))

    text = [
        "Accuracy in % on test images against bytes, nothing trained further. "
        "Options are chosen on validation images; ours and white controls are three draws, mean ± spread. Ours is the "
        "whole file, peers are numbers without headers. *Regenerated*: what the file gives without data; *samples*: "
        "three other members drawn from it.\n\n![Accuracy against bytes](images/compression.png)"
    ]
    for name, found in result["curves"].items():
        rows = [
            [
                row["kind"],
                cell(row),
                spread(row["test"]),
                spread(row["samples"]) if "samples" in row else "",
                ", ".join(map(str, row.get("ranks", []))) if len(row.get("ranks", [])) < 5 else "",
            ]
            for row in found["rows"]
        ]
        counts = f"{found['test_images']} test images, {found['images']} to align on"
        title = f"### {name}\n\nTrained: {found['trained']:.1f} % on {counts}"
        headers = ["what", "size and options", "accuracy (regenerated)", "samples", "ranks"]
        note = " " + found["note"] if "note" in found else ""
        text.append(title + "." + note + "\n\n" + table(headers, rows))
    if result["spiked"]:
        rows = [
            [
                f"{name}, samples ×{found['width']}",
                law,
                f"{found['trained']:.1f}",
                f"{own['reference']:.1f}",
                f"{own['logits_moved']:.0e}",
                spread(own["samples"]),
                str(own["emptied"]),
            ]
            for name, found in result["spiked"].items()
            for law, own in found.items()
            if isinstance(own, dict)
        ]
        headers = ["network", "law", "trained", "reference", "its logits move by", "samples", "populations emptied"]
        text.append("### Spiked laws with their noise\n\n" + table(headers, rows))
    return "\n\n".join(text)


SECTION = Section(55, {"compression.json": "Rate and accuracy"}, compression)
