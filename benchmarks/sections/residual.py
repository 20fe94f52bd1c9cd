"""Samples of a public ResNet-20: from the published method to ours, widths, smoothed laws, layer by layer."""

import statistics
from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section


def resnet20(result: dict[str, Any]) -> str:
    parts = {
        "ladder": "From the published method to ours",
        "widths": "Widths chosen per stage and per population",
        "smoothed": "Smoothed laws at ×4",
        "layers": "Which population costs what, at ×2",
    }
    text = [
        f"A public ResNet-20, {result['trained']:.1f} % on the {result['test_images']} test images used; "
        f"{result['images']} images to align on. Test accuracy in %, mean ± spread over seeds where there are several; "
        "*retrained*: with a classifier fitted anew in closed form."
    ]
    for part, title in parts.items():
        draws = [draw for draw in result["draws"] if draw["part"] == part]
        if not draws:
            continue
        labels = list(dict.fromkeys(draw["label"] for draw in draws))
        settings = list(dict.fromkeys(draw["setting"] for draw in draws))
        rows: list[list[str]] = []
        values = ["accuracy", "ridge_classifier"]
        for value in values:
            for setting in settings:
                found = [
                    spread([d[value] for d in draws if (d["setting"], d["label"]) == (setting, label)])
                    for label in labels
                ]
                rows.append([setting + (", classifier retrained" if value != "accuracy" else ""), *found])
        for key, name in (("copy_score", "copy score"), ("copy_baseline", "copy score of Gaussian draws")):
            scores = [[d[key] for d in draws if d["label"] == label and key in d] for label in labels]
            if any(scores):
                rows.append([name, *(f"{statistics.mean(found):.2f}" if found else "" for found in scores)])
        if part in ("layers", "widths"):
            columns = [settings[k] if k < len(settings) else "" for k in range(len(settings))]
            by_label = [
                [label, *(row[1 + k] for row in rows[: len(settings)]), *(row[1 + k] for row in rows[len(settings) :])]
                for k, label in enumerate(labels)
            ]
            text.append(f"### {title}\n\n" + table(["", *columns, *(f"{c}, retrained" for c in columns)], by_label))
        else:
            text.append(f"### {title}\n\n" + table(["", *labels], rows))
    return "\n\n".join(text)


SECTION = Section(
    10,
    {
        "resnet20.json": "Residual streams: a pretrained ResNet-20",
        "resnet20_3000.json": "The same with 3,000 images to align on",
        "resnet20_6000.json": "The same with 6,000 images to align on",
    },
    resnet20,
)
