"""Kernels of neurons with offsets: closed forms beside plain quadrature."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def kernels(result: dict[str, Any]) -> str:
    seconds, outputs = result["seconds"], result["outputs"]
    pairs = [row for layer in result["pairs"].values() for row in layer if row["quadrature_ns"] is not None]
    rows = [
        ["200 products of 2048 × 2048, float32", f"{seconds['products']:.1f}", "1"],
        [
            "limit of digits_cnn, 1024 landmarks, by plain quadrature",
            f"{seconds['limit by quadrature']:.1f}",
            f"{seconds['limit by quadrature'] / seconds['products']:.2f}",
        ],
        [
            "the same by few nodes and closed forms",
            f"{seconds['limit']:.1f}",
            f"{seconds['limit'] / seconds['products']:.2f}",
        ],
    ]
    each = ", ".join(f"{row['activation']} {row['quadrature_ns']:.0f} → {row['ours_ns']:.0f} ns" for row in pairs)
    largest = max(row["difference"] for row in pairs)
    reached = [
        name for name, found in outputs.items() if name != "limit" and found["accuracy"] >= outputs["limit"]["accuracy"]
    ]
    text = "Processor seconds of one thread:\n\n" + table(["work", "seconds", "to the products"], rows)
    text += f"\n\nA pair of neurons with offsets, layer by layer: {each}; largest relative difference {largest:.0e}."
    if reached:
        ratio = outputs["limit"]["seconds_per_image"] / outputs[reached[0]]["seconds_per_image"]
        text += f" An image takes {ratio:.1f} times as long through the limit as through the {reached[0]}, the first "
        text += "as accurate."
    return text


SECTION = Section(60, {"kernels.json": "Kernels of neurons with offsets"}, kernels)
