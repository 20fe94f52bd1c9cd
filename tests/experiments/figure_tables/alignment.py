"""Alignment with width: tables for each verdict of each rule."""

from typing import Any

from experiments.figure_tables.tables import APART, ONE, THREE, WIDTHS, Cases, Tables, rows


def errors(first: float, last: float, at_wide: tuple[float, float], spread: dict[int, float]) -> Tables:
    """Errors that fall as powers of the width, from given values at the widest; seeds change the powers."""
    keys = [
        {"layer": layer, "width": width, "seed": seed}
        for layer in ("block2.linear", "block4.linear")
        for width in WIDTHS
        for seed in spread
    ]

    def value(key: dict[str, Any]) -> float:
        place = int(key["layer"] == "block4.linear")
        return at_wide[place] * spread[key["seed"]] * key["width"] ** ((first, last)[place] * spread[key["seed"]])

    return {"errors": rows(keys, error=value)}


def resnet(first: float, last: float, spread: dict[int, float], standardised: bool = True) -> Tables:
    keys = [
        {"layer": layer, "width": width, "seed": seed}
        for layer in ("layer1.0.conv1", "layer4.1.conv2", "fc")
        for width in WIDTHS
        for seed in spread
    ]
    slopes = {"layer1.0.conv1": first, "layer4.1.conv2": last, "fc": -1.0}
    table = rows(keys, cosine_error=lambda key: key["width"] ** (slopes[key["layer"]] * spread[key["seed"]]))
    return {"resnet": table.assign(standardised=True) if standardised else table}


CASES: Cases = {
    ("alignment_error", "falls"): {
        "agree": [errors(-0.5, -0.2, (0.1, 0.4), THREE)],
        "disagree": [errors(-0.5, 0.0, (0.1, 0.4), THREE), errors(-0.5, -0.03, (0.1, 0.4), THREE)],
        "cannot tell": [errors(-0.5, -0.2, (0.1, 0.4), ONE), errors(-0.2, -0.1, (0.1, 0.4), APART)],
    },
    ("alignment_error", "deeper"): {
        "agree": [errors(-0.5, -0.2, (0.1, 0.5), THREE)],
        "disagree": [errors(-0.5, -0.2, (0.4, 0.41), THREE)],
        "cannot tell": [errors(-0.5, -0.2, (0.1, 0.5), ONE), errors(-0.5, -0.2, (0.1, 0.35), APART)],
    },
    ("alignment_error", "resnet"): {
        "agree": [resnet(-0.6, -0.1, THREE)],
        # The last falls as fast as the first.
        "disagree": [resnet(-0.42, -0.41, THREE), resnet(-0.1, 0.3, THREE)],
        "cannot tell": [
            resnet(-0.6, -0.1, THREE, standardised=False),
            resnet(-0.6, -0.1, ONE),
            resnet(-0.5, -0.1, APART),
        ],
    },
}
