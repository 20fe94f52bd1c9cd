"""Throughput of the routes of the wavelets and of learned scattering networks."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def throughput(result: dict[str, Any]) -> str:
    routes = ("dense", "tiles", "convolution", "fft")
    rows = []
    for row in result["routes"]:
        cells = [row["milliseconds"].get(route) for route in routes]
        shown = ["" if cell is None else f"{cell['forward']:.0f} ({cell['training']:.0f})" for cell in cells]
        rows.append([f"{row['batch']} × {row['channels']} × {row['side']}, {row['scale']}", *shown])
    text = [
        "Routes of the wavelets, milliseconds forward (forward and backward):\n\n"
        + table(["batch × channels × side, block", *routes], rows)
    ]
    rows = []
    for name, found in result["networks"].items():
        for kind, speeds in found["images_per_second"].items():
            label = {"fast": f"{name}, s = {found['width']:g}", "fft": "… by FFT", "ordinary": "… 3×3 convolutions"}[
                kind
            ]
            rows.append([label, f"{speeds['forward']:.0f}", f"{speeds['training']:.0f}"])
    headers = ["network", "forward, images/s", "training, images/s"]
    text.append(
        "Networks; the ordinary one has as many multiply-adds as the learned matrices, the fixed wavelets come on top:"
        "\n\n" + table(headers, rows)
    )
    return "\n\n".join(text)


SECTION = Section(100, {"scattering.json": "Throughput of learned scattering networks"}, throughput)
