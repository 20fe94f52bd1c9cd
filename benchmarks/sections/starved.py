"""Alignments on few images: what is chosen for each reader, beside fixed ridges and rotations."""

from collections.abc import Sequence
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section, at_least
from sections.companions import companions, does_nothing, over_seeds, rows_per_channel, said_of_controls

NAMES = {
    "resnet20": "A public ResNet-20: a map gives many rows an image",
    "pooled": "A convolutional network whose classifier reads 512 pooled channels: one row an image there",
    "perceptron": "The tutorial's perceptron: one row an image",
}
CHOSEN = "chosen"
RESNET = {40: 43.0, 100: 51.5, 400: 62.1, 1500: 66.6}
"""Accuracy in % by images to align on that the best of three fixed ridges gave before there was a choice."""

AGREEMENT = 95.0
"""Agreement in % of the trained neurons with the trained network that is asked for from `ENOUGH` images on."""

ENOUGH = 400

Rows = Sequence[dict[str, Any]]


def starved(result: dict[str, Any]) -> str:
    text = [
        f"Samples at ×{result['width']:g} aligned on few images, beside one white control; *identity*: the trained "
        "neurons through the same alignment, and how often they agree with the trained network. On images by which "
        "the default was chosen (*validation*); the default also on others; both are of the test images. Accuracy in "
        "%. Nothing was published for these networks."
    ]
    for part, found in result["parts"].items():
        rows = found["rows"]
        trained = rows[0]["validation"]["trained"]
        tested = next(row["test"]["trained"] for row in rows if "test" in row)
        about = f"### {NAMES[part]}\n\nTrained {trained:.1f} % on {found['validation_images']} validation images, "
        about += f"{tested:.1f} % on {found['test_images']} test images; "
        about += f"the widest reader has {max(row['most_channels'] for row in rows)} sampled channels."
        text += [about + "\n\n" + _table(rows), _companions(rows, f"{tested:.1f} %")]
        text += said_of_controls(_nothing(row, found["test_images"]) for row in rows if "test" in row)
    return "\n\n".join(text)


def _table(rows: Rows) -> str:
    columns = ["images", "alignment", "sample", "white", "identity", "agreement"]
    body = []
    for row in rows:
        cells = [row["images"], row["alignment"], *_cells(row["validation"]), f"{row['validation']['agreement']:.1f}"]
        body.append([*cells, *(_cells(row["test"]) if "test" in row else ["", "", ""])])
    return table([*columns, "test: sample", "white", "identity"], body)


def _cells(own: dict[str, Any]) -> list[str]:
    """Return samples, their white control and the identity baseline on the same images."""
    return [over_seeds(own["samples"]), over_seeds([own["white"]]), f"{own['identity']:.1f}"]


def _companions(rows: Rows, trained: str) -> str:
    return companions(
        {
            "trained network": trained,
            "identity baseline": "in the table",
            "white control": "in the table",
            "copy score": None,
            "held-out quality": None,
            # The reader of fewest rows need not be the widest: this is a bound.
            "rows per channel": rows_per_channel(row["least_rows"] / row["most_channels"] for row in rows),
        }
    )


def _nothing(row: dict[str, Any], images: int) -> str:
    own = row["test"]
    return does_nothing(f"{row['alignment']}, {row['images']} images", own["samples"], [own["white"]], images)


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return whether the choice is as good as the best ridge, and the trained neurons stay what they are."""
    found = []
    for part, own in result["parts"].items():
        for row in own["rows"]:
            if row["alignment"] != CHOSEN:
                continue
            name = f"chosen, {row['images']} images"
            if part == "resnet20" and row["images"] in RESNET:
                found += at_least("ResNet-20 ×2", name, row["validation"]["samples"], RESNET[row["images"]])
            if row["images"] >= ENOUGH:
                agreement = row["test"]["agreement"]
                found += at_least(part, f"{name}, agreement of the identity baseline", [agreement], AGREEMENT)
    return found


SECTION = Section(5, {"starved.json": "Alignment on few images"}, starved, aims)
