"""Samples as starting points of a training, beside other ways to grow or shrink a network."""

from collections.abc import Sequence
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section
from sections.companions import companions, does_nothing, over_seeds, said_of_controls

NAMES = {
    "cnn-4": "The tutorial's convolutional network, ×4",
    "cnn-half": "The tutorial's convolutional network, ×½",
    "vit-2": "The digits' transformer, ×2",
    "vit-half": "The digits' transformer, ×½",
    "resnet20-2": "A public ResNet-20, ×2",
    "resnet20-half": "A public ResNet-20, ×½",
}

IMAGES, DIGITS = 2000, 497
"""Test images of CIFAR-10 that were used, and those of the digits."""


def grown(result: dict[str, Any]) -> str:
    epochs = result["epochs"]
    text = [
        "Test accuracy in % after so many epochs of the same optimiser; learning rates chosen for each start alike on "
        "validation images, the best of those tried. *Small*: the network before, trained on at equal compute. "
        "Nothing was published for these networks, and no goal was set."
    ]
    for part, found in result["parts"].items():
        rows = [[name, _rate(start), *map(over_seeds, _columns(start))] for name, start in found["starts"].items()]
        about = f"### {NAMES[part]}\n\nThe network before: {found['trained']:.1f} %; an image costs the new one "
        about += f"{found['cost']:.2g} times as much."
        text += [about + "\n\n" + table(["start", "rate", *(f"{e:g}" for e in epochs)], rows), _companions(found)]
        text += said_of_controls(_nothing(found["starts"], epochs, _test_images(part)))
    return "\n\n".join(text)


def _columns(start: dict[str, Any]) -> list[list[float]]:
    """Return the accuracies of all seeds at each epoch."""
    return [list(column) for column in zip(*start["curves"], strict=True)]


def _companions(found: dict[str, Any]) -> str:
    return companions(
        {
            "trained network": f"{found['trained']:.1f} %",
            "identity baseline": None,
            "white control": "in the table" if "white" in found["starts"] else None,
            "copy score": None,
            "held-out quality": None,
            "rows per channel": None,
        }
    )


def _nothing(starts: dict[str, Any], epochs: Sequence[float], images: int) -> list[str]:
    """Return after how many epochs a start from a law is no better than one from its white control."""
    if "white" not in starts:
        return []
    said = []
    for law in ("sample", "smoothed"):
        pairs = zip(epochs, *(_columns(starts[name]) for name in (law, "white")), strict=True)
        said += [does_nothing(f"{law} at {epoch:g}", own, white, images) for epoch, own, white in pairs]
    return said


def _test_images(part: str) -> int:
    return DIGITS if part.startswith("vit") else IMAGES


def _rate(start: dict[str, Any]) -> str:
    tried = start.get("scores", start.get("validation"))
    return f"{start['rate']:g} of {len(tried)}"


SECTION = Section(6, {"grow.json": "Growing and shrinking: samples as starting points"}, grown)
