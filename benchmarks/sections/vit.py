"""Samples of transformers: their parts and the whole, controls, the limit, and paths between two of them."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section, at_least
from sections.companions import companions, does_nothing, over_seeds, said_of_controls

TITLES = {
    "vit.json": "A vision transformer on CIFAR-10",
    "gpt.json": "A small GPT on characters",
    "digits_vit.json": "A vision transformer on digits",
}

WHITE = ", white"
AIMS = {1: 64.0, 2: 70.0, 4: 72.0}
"""Accuracy in % by width that was asked for of samples of the transformer on CIFAR-10, trained to about 74."""


def transformer(result: dict[str, Any]) -> str:
    bits = "bits" in result["measure"]
    unit = "bits per character" if bits else "% of the test images"
    number = (lambda value: f"{value:.3f}") if bits else (lambda value: f"{value:.1f}")
    widths = list(dict.fromkeys(row["width"] for row in result["rows"]))
    found = _values(result)
    rows = [
        [name, *(over_seeds(found.get((name, width), []), 3 if bits else 1) for width in widths)]
        for name in dict.fromkeys(row["draw"] for row in result["rows"])
    ]
    text = (
        f"`{result['network']}` ({result['parameters']} parameters, {result['epochs']} epochs), trained: "
        f"{number(result['trained'])} {unit}; identity baseline {number(result['identity'])}, without queries "
        f"{number(result['uniform'])}. {100 * result['share_drawn']:.1f} % of its parameters are drawn, aligned on "
        f"{result['images']} training {'windows' if bits else 'images'}; on "
        f"{result['test_images']} test {'windows' if bits else 'images'}. What is not named stays as trained. Nothing "
        "was published for this network."
    )
    beside = companions(
        {
            "trained network": f"{number(result['trained'])} {unit}",
            "identity baseline": number(result["identity"]),
            "white control": "in the table" if any(name.endswith(WHITE) for name, _ in found) else None,
            "copy score": None,
            "held-out quality": None,
            "rows per channel": None,
        }
    )
    parts = [text, table(["draw", *(f"×{width:g}" for width in widths)], rows), beside]
    if not bits:
        parts += said_of_controls(
            does_nothing(f"{name} at ×{width:g}", own, found.get((name + WHITE, width), []), result["test_images"])
            for (name, width), own in found.items()
        )
    if "limit" in result:
        parts.append(
            f"In infinite width, {result['limit']['landmarks']} landmarks a layer: {number(result['limit']['value'])}."
        )
    if "path" in result:
        parts += [
            "Barriers between two networks of different seeds: the largest rise of the loss (nats) and of the error "
            "(points) above the chord between the ends.",
            table(
                ["path", "loss", "error"],
                [[k, f"{b['loss']:.3f}", f"{100 * b['error']:.1f}"] for k, b in result["path"]["barriers"].items()],
            ),
        ]
    return "\n\n".join(parts)


def _values(result: dict[str, Any]) -> dict[tuple[str, float], list[float]]:
    return {(row["draw"], row["width"]): row["values"] for row in result["rows"]}


def aims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return whether samples of the transformer on CIFAR-10 keep what was asked for."""
    if result["network"] != "vit":
        return []
    found = _values(result)
    return [
        aim
        for width, least in AIMS.items()
        for aim in at_least("vit", f"everything drawn, ×{width:g}", found.get(("everything", width), []), least)
    ]


SECTION = Section(30, TITLES, transformer, aims)
