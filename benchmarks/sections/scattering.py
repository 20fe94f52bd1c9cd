"""Samples of learned scattering networks on CIFAR-10."""

import statistics
from typing import Any

from rainbownet.experiments.markdown import table
from rainbownet.experiments.published import CLIPPED_ACCURACY
from sections import Section
from sections.companions import NOT_MEASURED, companions, does_nothing, rows_per_channel, said_of_controls

WHITE = ", white"
TEST_IMAGES = 10_000
"""All of CIFAR-10's."""


def scattering(result: dict[str, Any]) -> str:
    text = []
    eight = result["settings"]["net"] == "cifar_scattering"
    for width, found in result["widths"].items():
        rows = [
            [
                row["method"],
                f"×{row['factor']:g}",
                *(f"{row[key]:.1f} (1)" for key in ("accuracy", "ridge", "logistic")),
                f"{row['block']:.1f} (1)" if "block" in row else NOT_MEASURED,
                f"{row['rows per channel']:g}" if "rows per channel" in row else NOT_MEASURED,
                f"{statistics.median(row['held-out error']):.2f}" if row.get("held-out error") else NOT_MEASURED,
            ]
            for row in found["samples"]
        ]
        known = result["published (cifar_scattering, skip)"].get(f"{float(width)}") if eight else None
        if known is not None:
            label = f"published, skip, 150 epochs: trained {known['trained']}"
            rows.append([label, "×1", known["rainbow"], "", "", known["rainbow, block retrained"], "", ""])
        headers = ["method", "width", "aligned, %", "ridge, %", "logistic, %", "block, %", "rows a channel", "held out"]
        about = (
            f"s = {width}: trained {found['trained']:.1f} % ({found['epochs']} epochs, {found['minutes']:.0f} minutes)"
        )
        if not eight:
            about += f"; published at s = 1: {CLIPPED_ACCURACY[128]:.1f} % (150 epochs), no sample of it"
        methods = {row["method"] for row in found["samples"]}
        beside = companions(
            {
                "trained network": f"{found['trained']:.1f} %",
                "identity baseline": None,
                "white control": "in the table" if any(name + WHITE in methods for name in methods) else None,
                "copy score": None,
                "held-out quality": "in the table (median over layers)",
                "rows per channel": rows_per_channel(row.get("rows per channel") for row in found["samples"]),
            }
        )
        said = [_nothing(found["samples"], row) for row in found["samples"]]
        text += [about + "\n\n" + table(headers, rows), beside, *said_of_controls(said)]
    return "\n\n".join(text)


def _nothing(samples: list[dict[str, Any]], row: dict[str, Any]) -> str:
    control = [
        other["accuracy"]
        for other in samples
        if (other["method"], other["factor"]) == (row["method"] + WHITE, row["factor"])
    ]
    return does_nothing(f"{row['method']} at ×{row['factor']:g}", [row["accuracy"]], control, TEST_IMAGES)


SECTION = Section(
    130,
    {
        "paper_scattering4.json": "Learned scattering, four layers, CIFAR-10",
        "paper_scattering4_1.json": "The same from another seed",
        "cifar_scattering.json": "Learned scattering, eight layers, CIFAR-10",
        "cifar_scattering_skip.json": "Learned scattering, eight layers with skip, CIFAR-10",
    },
    scattering,
)
