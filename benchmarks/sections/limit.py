"""The network of infinite width, and how samples come near to it."""

import statistics
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section
from sections.companions import companions, does_nothing, over_seeds, said_of_controls


def limits(result: dict[str, Any]) -> str:
    rows = [
        [
            row["alignment"],
            row["landmarks"],
            f"{row['accuracy']:.1f}",
            f"{row['white']:.1f}",
            " ".join(f"{layer['energy_explained']:.3f}" for layer in row["layers"]),
            "" if row["change"] is None else f"{row['change']:.3f}",
            f"{1e3 * row['seconds_per_image']:.2f}",
        ]
        for row in result["limits"]
    ]
    headers = ["alignment", "landmarks", "limit, %", "white, %", "energy explained", "change of output", "ms an image"]
    text = [f"Trained {result['trained']:.1f} %. The limit network:", table(headers, rows)]
    images = result["options"]["test"]
    said = [
        does_nothing(f"{row['alignment']}, {row['landmarks']} landmarks", [row["accuracy"]], [row["white"]], images)
        for row in result["limits"]
    ]
    text += said_of_controls(said)
    text.append(
        companions(
            {
                "trained network": f"{result['trained']:.1f} %",
                "identity baseline": None,
                "white control": "of the limits in the table, of the samples not measured",
                "held-out quality": "the energy explained, on the images aligned on",
            }
        )
    )
    for curve in result["samples"]:
        layers = list(curve["distances"])
        body = [
            [
                f"×{width:g}",
                over_seeds(curve["accuracies"][k]),
                *(f"{curve['distances'][layer][k]:.3f}" for layer in layers),
                f"{1e3 * curve['seconds_per_image'][k]:.2f}",
            ]
            for k, width in enumerate(curve["widths"])
        ]
        body += [
            [name, "", *(f"{rate[name]:.2f}" for rate in curve["rates"]), ""] for name in ("slope", "bound", "expected")
        ]
        text += [
            f"Gaussian samples, {curve['alignment']}: relative distance to the limit, of kernels by layer and of "
            "the output. *bound*: the slope Theorem 2 proves from the spectrum's decay; *expected* by its authors.",
            table(["width", "accuracy, %", *layers, "ms an image"], body),
        ]
    if (unscaled := result.get("distance_at_x1_without_energy_scale")) is not None:
        text.append(f"Rotations that leave energies as they fall: distance {unscaled:.3f} at ×1.")
    methods = result["kernel_methods"]
    ridges = ", ".join(f"{value:.1f} % at {ridge}" for ridge, value in methods["ridge_accuracy"].items())
    text.append(
        f"Ridge regression with the last layer's kernel on {methods['images']} images, by ridge: {ridges}. Norms "
        f"of the trained logits in its space: {statistics.mean(methods['norm_of_trained_logits']):.3g} on average "
        f"(relative residual {methods['relative_residual']:.3f}); of the limit's own: "
        f"{statistics.mean(methods['norm_of_limit_logits']):.3g}."
    )
    if gram := result.get("gram"):
        text.append(
            f"Gram matrix of {gram['images']} × {gram['images']} images ({gram['distinct']} different ones): "
            f"{gram['seconds']:.0f} s, {gram['matrix_bytes'] / 2**20:.0f} MiB of result; it raised the memory peak of "
            f"the whole run by {gram['peak_growth_bytes'] / 2**20:.0f} MiB."
        )
    return "\n\n".join(text)


SECTION = Section(
    90,
    {
        "limit-digits.json": "The infinite width: a perceptron on digits",
        "limit-mlp.json": "The infinite width: the tutorial's perceptron",
        "limit-cnn.json": "The infinite width: the tutorial's convolutional network",
    },
    limits,
)
