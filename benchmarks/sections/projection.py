"""Samples of a ResNet-8 whose shortcuts are 1×1 convolutions."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section
from sections.companions import companions, does_nothing, over_seeds, said_of_controls

CONTROL, CONTROLLED = "white control of least squares", "joint, mean, least squares"


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
    body = [[name, *(over_seeds(found.get(width, [])) for width in widths)] for name, found in rows.items()]
    said = [
        does_nothing(f"{CONTROLLED} at ×{width:g}", found, rows.get(CONTROL, {}).get(width, []), result["test_images"])
        for width, found in rows.get(CONTROLLED, {}).items()
    ]
    beside = companions(
        {
            "trained network": f"{trained['these test images']:.1f} %",
            "identity baseline": None,
            "white control": "in the table" if CONTROL in rows else None,
            "copy score": None,
            "held-out quality": None,
            "rows per channel": None,
        }
    )
    shown = table(["", *(f"×{width:g}" for width in widths)], body)
    return "\n\n".join([text, shown, beside, *said_of_controls(said)])


SECTION = Section(20, {"projection_resnet.json": "Residual streams: projection shortcuts"}, projection)
