"""Samples of a ResNet-8 whose shortcuts are 1×1 convolutions."""

from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section


def projection(result: dict[str, Any]) -> str:
    rows: dict[str, dict[float, list[float]]] = {}
    for sample in result["samples"]:
        rows.setdefault(sample["setting"], {})[sample["width"]] = sample["accuracy"]
    widths = sorted({sample["width"] for sample in result["samples"]})
    trained = result["trained"]
    text = (
        f"A ResNet-8 with 1×1 shortcuts trained here: {trained['all test images']:.1f} % on all test images, "
        f"{trained['these test images']:.1f} % on those used; {result['images']} images to align on."
    )
    body = [[name, *(spread(found.get(width, [])) for width in widths)] for name, found in rows.items()]
    return text + "\n\n" + table(["", *(f"×{width:g}" for width in widths)], body)


SECTION = Section(20, {"projection_resnet.json": "Residual streams: projection shortcuts"}, projection)
