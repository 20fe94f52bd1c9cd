"""Quasi-random draws of a residual network beside others."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section
from sections.companions import over_seeds


def quasirandom(result: dict[str, Any]) -> str:
    rows = []
    for row in result["rows"]:
        distances = [100 * value for value in row["distances"]]
        rows.append([f"×{row['width']:g}", row["draw"], over_seeds(distances), over_seeds(row["accuracies"])])
    return (
        "A neuron of a residual stream with a non-linearity after each addition has no kernel in closed form; its "
        "average over quasi-random draws is a sample that is drawn from them. Relative distance of the logits from "
        f"those of one sample at ×{result['wide']:g} (antithetic, {result['wide_accuracy']:.1f} %), and accuracy, of a "
        f"public ResNet-20 ({result['trained']:.1f} %) on {result['test_images']} test images, {result['images']} to "
        "align on. *Sobol*: scrambled points through the inverse normal distribution.\n\n"
        + table(["width", "draw", "distance, %", "accuracy, %"], rows)
    )


SECTION = Section(9, {"quasirandom.json": "Limits of residual networks: quasi-random draws"}, quasirandom)
