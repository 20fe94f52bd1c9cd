"""Samples of learned scattering networks on CIFAR-10."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def scattering(result: dict[str, Any]) -> str:
    text = []
    for width, found in result["widths"].items():
        rows = [
            [row["method"], f"×{row['factor']:g}", *(f"{row[key]:.1f}" for key in ("accuracy", "ridge", "logistic"))]
            for row in found["samples"]
        ]
        known = result["published (cifar_scattering, skip)"].get(f"{float(width)}")
        if known is not None and result["settings"]["net"] == "cifar_scattering":
            rows.append([f"published, skip, 150 epochs: trained {known['trained']}", "×1", known["rainbow"], "", ""])
        headers = ["method", "width", "aligned, %", "ridge, %", "logistic, %"]
        about = (
            f"s = {width}: trained {found['trained']:.1f} % ({found['epochs']} epochs, {found['minutes']:.0f} minutes)"
        )
        text.append(about + "\n\n" + table(headers, rows))
    return "\n\n".join(text)


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
