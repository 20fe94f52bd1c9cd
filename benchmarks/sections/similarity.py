"""All layers of one network with all layers of another; synthetic recordings; speed of the measures."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def similarities(result: dict[str, Any]) -> str:
    text = []
    if "maps" in result:
        pairs = result["maps"]["pairs"]
        names = list(dict.fromkeys(row["a"] for row in pairs))
        measures = list(dict.fromkeys(row["measure"] for row in pairs))
        rows = []
        for measure in measures:
            for a in names:
                found = [
                    {
                        row["weights of b"]: row["mean of best"]
                        for row in pairs
                        if (row["a"], row["b"], row["measure"]) == (a, b, measure)
                    }
                    for b in names
                ]
                rows.append([measure, a, *(f"{cell['trained']:.2f} / {cell['random']:.2f}" for cell in found)])
        about = result["maps"]
        text.append(
            f"Mean over the layers of the network on the left of their best match in that above, on {about['images']} "
            f"test images of CIFAR-10: its weights trained / reset at random. The last three networks were trained for "
            f"{about['epochs']} epochs on {about['train']} images. Where the "
            "second number is as large as the first, the match comes with the architecture, not with what was learned: "
            "so it is for `linear`, which wide random layers satisfy as well.\n\n"
            + table(["measure", "", *names], rows)
        )
    if "cortex" in result:
        rows = [
            [
                row["measure"],
                row["area"],
                row["layer"],
                row["matched"],
                f"{row['value']:.2f}",
                "" if row["ceiling"] is None else f"{row['ceiling']:.2f}",
            ]
            for row in result["cortex"]["areas"]
        ]
        text.append(
            "Synthetic recordings: channels of a layer of ResNet-20, pooled, mixed by a random rotation, with noise of "
            f"{result['cortex']['noise']:g} deviations in each of {result['cortex']['trials']} trials. A correlation "
            "distance is no invariant of the mixing, so `rsa` need not find the layer.\n\n"
            + table(["measure", "area", "layer behind it", "best match", "value there", "ceiling"], rows)
        )
    if "speed" in result:
        about = result["speed"]
        keys = ("measure", "processor at once (s)", "processor one by one (s)", "ratio of processor times")
        rows = [[row["measure"], *(f"{row[key]:.2f}" for key in keys[1:])] for row in about["rows"]]
        text.append(
            f"{about['layers']} × {about['layers']} layers of {about['channels']} channels, {about['images']} images, "
            "all pairs at once and pair by pair from whole activations:\n\n" + table(keys, rows)
        )
    if "moments" in result:
        rows = [
            [row["way"], f"{row['least (s)']:.3f}", f"{row['ratio to the bound']:.2f}"]
            for row in result["moments"]["rows"]
        ]
        errors = ", ".join(f"{name} {error:.1e}" for name, error in result["moments"]["errors"].items())
        text.append(
            f"Moments of 50,000 × 512 rows in float32; relative errors of the cross moment: {errors}.\n\n"
            + table(["way", "seconds", "to the bare products"], rows)
        )
    return "\n\n".join(text)


SECTION = Section(40, {"similarity.json": "All layers with all layers, across architectures"}, similarities)
