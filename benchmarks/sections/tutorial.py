"""The authors' tutorial, by the published method and by ours."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section
from sections.companions import companions, does_nothing, over_seeds, said_of_controls


def tutorial(result: dict[str, Any]) -> str:
    text = []
    for kind, found in result["networks"].items():
        rows = [
            [
                row["method"],
                row["draw"],
                row["flatten"],
                f"×{row['width']:g}",
                _drawn(row),
                _drawn(row["white"]),
                f"{min(row['held_out_similarity']):.3f}",
                f"{row['copy_score']:.2f} / {row['copy_score_of_gaussian']:.2f}",
            ]
            for row in found["rows"]
        ]
        known = found["published"]
        rows.append([f"published: trained {known['trained']} %", "gaussian", "", "×1", known["sampled"], "", "", ""])
        headers = [
            "method",
            "draw",
            "flatten",
            "width",
            "accuracy",
            "white control",
            "least similarity",
            "copy / Gaussian",
        ]
        beside = companions(
            {
                "trained network": f"{found['trained']:.1f} %",
                "identity baseline": f"{found['identity_draw']:.1f} % (the trained neurons, drawn as they are)",
                "white control": "in the table",
                "copy score": "in the table",
                "held-out quality": "in the table",
                "rows per channel": None,
            }
        )
        said = [_nothing(row, result["images"]["test"]) for row in found["rows"]]
        text += [f"{kind}:\n\n" + table(headers, rows), beside, *said_of_controls(said)]
    return "\n\n".join(text)


def _nothing(row: dict[str, Any], images: int) -> str:
    name = f"{row['method']}, {row['draw']}, {row['flatten']}, ×{row['width']:g}"
    return does_nothing(name, row["accuracies"], row["white"]["accuracies"], images)


def _drawn(row: dict[str, Any]) -> str:
    return over_seeds(row["accuracies"])


SECTION = Section(
    80,
    {
        "tutorial_mlp.json": "The authors' tutorial: the perceptron",
        "tutorial_cnn.json": "The authors' tutorial: the convolutional network",
        "tutorial_cnn_10000.json": "The convolutional network with more images to align on",
        "tutorial_published.json": "The published method on the convolutional network, all training images",
        "tutorial_published_1.json": "The same on a network of another seed",
    },
    tutorial,
)
