"""Samples as starting points of a training, beside other ways to grow or shrink a network."""

from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section

NAMES = {
    "cnn-4": "The tutorial's convolutional network, ×4",
    "cnn-half": "The tutorial's convolutional network, ×½",
    "vit-2": "The digits' transformer, ×2",
}


def grown(result: dict[str, Any]) -> str:
    epochs = result["epochs"]
    text = [
        f"Test accuracy in %, mean ± spread over {result['seeds']} seeds, after so many epochs of the same optimiser; "
        "learning rates chosen for each start alike on validation images, the best of those tried. *Small*: the "
        "network before, trained on at equal compute."
    ]
    for part, found in result["parts"].items():
        rows = [
            [name, _rate(start), *(spread(list(column)) for column in zip(*start["curves"], strict=True))]
            for name, start in found["starts"].items()
        ]
        about = f"### {NAMES[part]}\n\nThe network before: {found['trained']:.1f} %; an image costs the new one "
        about += f"{found['cost']:.2g} times as much."
        text.append(about + "\n\n" + table(["start", "rate", *(f"{e:g}" for e in epochs)], rows))
    return "\n\n".join(text)


def _rate(start: dict[str, Any]) -> str:
    tried = start.get("scores", start.get("validation"))
    return f"{start['rate']:g} of {len(tried)}"


SECTION = Section(6, {"grow.json": "Growing and shrinking: samples as starting points"}, grown)
