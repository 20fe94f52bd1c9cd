"""Samples of transformers: their parts and the whole, controls, the limit, and paths between two of them."""

from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section

TITLES = {
    "vit.json": "A vision transformer on CIFAR-10",
    "gpt.json": "A small GPT on characters",
    "digits_vit.json": "A vision transformer on digits",
}


def transformer(result: dict[str, Any]) -> str:
    bits = "bits" in result["measure"]
    unit = "bits per character" if bits else "% of the test images"
    number = (lambda value: f"{value:.3f}") if bits else (lambda value: f"{value:.1f}")
    widths = list(dict.fromkeys(row["width"] for row in result["rows"]))
    found = {(row["draw"], row["width"]): row["values"] for row in result["rows"]}
    rows = [
        [name, *(spread(found.get((name, width), []), 3 if bits else 1) for width in widths)]
        for name in dict.fromkeys(row["draw"] for row in result["rows"])
    ]
    text = (
        f"`{result['network']}` ({result['parameters']} parameters, {result['epochs']} epochs), trained: "
        f"{number(result['trained'])} {unit}; identity baseline {number(result['identity'])}, without queries "
        f"{number(result['uniform'])}. {100 * result['share_drawn']:.1f} % of its parameters are drawn, aligned on "
        f"{result['images']} training {'windows' if bits else 'images'}. Mean ± spread over draws, on "
        f"{result['test_images']} test {'windows' if bits else 'images'}; what is not named stays as trained."
    )
    parts = [text, table(["draw", *(f"×{width:g}" for width in widths)], rows)]
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


SECTION = Section(30, TITLES, transformer)
