"""Alignments on few images: what is chosen for each reader, beside fixed ridges and rotations."""

from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section

NAMES = {
    "resnet20": "A public ResNet-20: a map gives many rows an image",
    "pooled": "A convolutional network whose classifier reads 512 pooled channels: one row an image there",
    "perceptron": "The tutorial's perceptron: one row an image",
}


def starved(result: dict[str, Any]) -> str:
    text = [
        f"Samples at ×{result['width']:g} aligned on few images, mean ± spread over {result['seeds']} draws; one white "
        "control; *identity*: the trained neurons through the same alignment, and how often they agree with the "
        "trained network. On images by which the default was chosen (*validation*); the default also on others; both "
        "are of the test images. Accuracy in %."
    ]
    for part, found in result["parts"].items():
        rows, body = found["rows"], []
        for row in rows:
            own, test = row["validation"], row.get("test")
            body.append(
                [
                    row["images"],
                    row["alignment"],
                    spread(own["samples"]),
                    f"{own['white']:.1f}",
                    f"{own['identity']:.1f}",
                    f"{own['agreement']:.1f}",
                    *(
                        [spread(test["samples"]), f"{test['white']:.1f}", f"{test['identity']:.1f}"]
                        if test
                        else ["", "", ""]
                    ),
                ]
            )
        columns = ["images", "alignment", "sample", "white", "identity", "agreement"]
        headers = [*columns, "test: sample", "white", "identity"]
        trained = rows[0]["validation"]["trained"]
        tested = next(row["test"]["trained"] for row in rows if "test" in row)
        about = f"### {NAMES[part]}\n\nTrained {trained:.1f} % on {found['validation_images']} validation images, "
        about += f"{tested:.1f} % on {found['test_images']} test images; "
        about += f"the widest reader has {max(row['most_channels'] for row in rows)} sampled channels."
        text.append(about + "\n\n" + table(headers, body))
    return "\n\n".join(text)


SECTION = Section(5, {"starved.json": "Alignment on few images"}, starved)
