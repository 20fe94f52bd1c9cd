"""Equivariance of a ResNet-20 and of its samples under flips and quarter turns."""

import statistics
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def symmetries(result: dict[str, Any]) -> str:
    rows = []
    for weights in ("trained", "random"):
        for action in ("Flip", "QuarterTurns"):
            own = [row for row in result["layers"] if (row["weights"], row["action"]) == (weights, action)]
            means = []
            for column in ("error", "unmixed", "commutator", "commutator_random"):
                values = [row[column] for row in own if row["channels"] > 3 and row[column] is not None]
                means.append(f"{statistics.mean(values):.2f}")
            rows.append([weights, action, *means])
    text = (
        "A public ResNet-20, trained with flips; means over its layers beyond the first. Error of equivariance with "
        "the best mixing of channels and without, on held-out images; commutator of the covariances of weights with "
        "that mixing, and with a random rotation:\n\n"
        + table(["weights", "action", "error", "unmixed", "commutator", "random rotation"], rows)
    )
    keys = [key for key in result["samples"][0] if key not in ("law", "width")]
    drawn = [
        [
            row["law"],
            f"×{row['width']:g}",
            *(f"{row[key]:.1f}" if "accuracy" in key else f"{row[key]:.2f}" for key in keys),
        ]
        for row in result["samples"]
    ]
    return (
        text
        + f"\n\nSamples, {result['images']} images to align on, one draw: relative change of the kernel of the last "
        f"convolution under the action, accuracy in % on {result['test']} test images, moved and as they are:\n\n"
        + table(["law", "width", *keys], drawn)
    )


SECTION = Section(50, {"symmetry.json": "Symmetry of a public ResNet-20"}, symmetries)
