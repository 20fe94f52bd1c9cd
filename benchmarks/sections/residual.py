"""Samples of a public ResNet-20: from the published method to ours, widths, smoothed laws, layer by layer."""

import statistics
from collections.abc import Sequence
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section
from sections.companions import companions, does_nothing, over_seeds, rows_per_channel, said_of_controls

PARTS = {
    "ladder": "From the published method to ours",
    "widths": "Widths chosen per stage and per population",
    "wide": "Wide samples",
    "smoothed": "Smoothed laws at ×4",
    "laws": "Laws at ×2",
    "layers": "Which population costs what, at ×2",
}
CONTROLS = {
    "white, rotation": ("+ joint",),
    "white, least squares": ("+ least squares", "+ antithetic draws"),
    "white": ("antithetic draws",),
    "white, chosen ridges": ("+ chosen ridges", "chosen ridges"),
}
"""The white controls, and what they are the control of: the same but for the law."""

Draws = Sequence[dict[str, Any]]


def resnet20(result: dict[str, Any]) -> str:
    text = [
        f"A public ResNet-20, {result['trained']:.1f} % on the {result['test_images']} test images used; "
        f"{result['images']} images to align on. Test accuracy in %; *retrained*: with a classifier fitted anew in "
        "closed form; *held out*: relative error of the alignment on held-out images, median over layers. Nothing was "
        "published for this network."
    ]
    for part, title in PARTS.items():
        draws = [draw for draw in result["draws"] if draw["part"] == part]
        if draws:
            text.append(f"### {title}\n\n{_command(result, part, draws)}\n\n" + _table(draws, part))
            text.append(_companions(result, draws))
            text += _controls(draws, result["test_images"])
    return "\n\n".join(text)


def _command(result: dict[str, Any], part: str, draws: Draws) -> str:
    """Return the command that makes the draws of a part."""
    seeds = " ".join(str(seed) for seed in sorted({draw["seed"] for draw in draws}))
    widest = " widest" if part == "ladder" and any(draw["label"] == "×8" for draw in draws) else ""
    sizes = f"--images {result['images']} --test-images {result['test_images']}"
    return f"`python benchmarks/resnet20.py --parts {part}{widest} --seeds {seeds} {sizes}`"


def _table(draws: Draws, part: str) -> str:
    labels = list(dict.fromkeys(draw["label"] for draw in draws))
    settings = list(dict.fromkeys(draw["setting"] for draw in draws))

    def values(setting: str, label: str, key: str) -> list[float]:
        return [draw[key] for draw in draws if (draw["setting"], draw["label"]) == (setting, label) and key in draw]

    rows = [
        [name, *(over_seeds(values(setting, label, key)) for label in labels)]
        for key, suffix in (("accuracy", ""), ("ridge_classifier", ", retrained"))
        for setting in settings
        for name in [setting + suffix]
    ]
    for setting in settings:
        held = [[_median(draw) for draw in draws if (draw["setting"], draw["label"]) == (setting, k)] for k in labels]
        rows.append([f"{setting}, held out", *(f"{statistics.mean(own):.2f}" if own else "" for own in held)])
    for key, name in (("copy_score", "copy score"), ("copy_baseline", "copy score of Gaussian draws")):
        scores = [[draw[key] for draw in draws if draw["label"] == label and key in draw] for label in labels]
        if any(scores):
            rows.append([name, *(f"{statistics.mean(found):.2f}" if found else "" for found in scores)])
    if part in ("layers", "widths"):
        return _turned(labels, rows)
    return table(["", *labels], rows)


def _turned(labels: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a row for each label."""
    body = [[label, *(row[1 + k] for row in rows)] for k, label in enumerate(labels)]
    return table(["", *(row[0] for row in rows)], body)


def _median(draw: dict[str, Any]) -> float:
    return statistics.median(draw["held_out_error"].values())


def _companions(result: dict[str, Any], draws: Draws) -> str:
    """Return what stands beside the draws of a part."""
    settings = {draw["setting"] for draw in draws}
    scored = any("copy_score" in draw for draw in draws)
    return companions(
        {
            "trained network": f"{result['trained']:.1f} %",
            "identity baseline": "in the table" if "identity baseline" in settings else None,
            "white control": "in the table" if settings & set(CONTROLS) else None,
            "copy score": "in the table" if scored else None,
            "held-out quality": "in the table",
            "rows per channel": rows_per_channel(draw.get("rows_per_channel") for draw in draws),
        }
    )


def _controls(draws: Draws, images: int) -> list[str]:
    """Return where a control says that a law does nothing."""
    said = []
    for control, settings in CONTROLS.items():
        for label in dict.fromkeys(draw["label"] for draw in draws):
            by_control = _accuracies(draws, control, label)
            for setting in settings:
                own = _accuracies(draws, setting, label)
                said.append(does_nothing(f"{setting} at {label}", own, by_control, images))
    return said_of_controls(said)


def _accuracies(draws: Draws, setting: str, label: str) -> list[float]:
    return [draw["accuracy"] for draw in draws if (draw["setting"], draw["label"]) == (setting, label)]


SECTION = Section(
    10,
    {
        "resnet20.json": "Residual streams: a pretrained ResNet-20",
        "resnet20_3000.json": "The same with 3,000 images to align on",
        "resnet20_6000.json": "The same with 6,000 images to align on",
    },
    resnet20,
)
