"""Write docs/results.md from the JSON files of benchmarks/results: no number in it is typed in.

python benchmarks/report.py
"""

import json
import statistics
from collections.abc import Callable
from typing import Any

from common import RESULTS, ROOT
from rainbownet.experiments.markdown import spread, table


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


def paths(result: dict[str, Any]) -> str:
    rows = []
    for name, found in result["networks"].items():
        for kind, barrier in found["barriers"].items():
            rows.append([name, kind, f"{100 * barrier['error']:.1f}", f"{barrier['loss']:.3f}"])
    text = "The largest rise of the test error (points) and of the loss above the chord between the two ends."
    return text + "\n\n" + table(["networks", "path", "error", "loss"], rows)


def tutorial(result: dict[str, Any]) -> str:
    text = []
    for kind, found in result["networks"].items():
        rows = [
            [
                row["method"],
                row["draw"],
                row["flatten"],
                f"×{row['width']:g}",
                _drawn(row),
                _drawn(row["white"]),
                f"{min(row['held_out_similarity']):.3f}",
                f"{row['copy_score']:.2f} / {row['copy_score_of_gaussian']:.2f}",
            ]
            for row in found["rows"]
        ]
        known = found["published"]
        rows.append([f"published: trained {known['trained']} %", "gaussian", "", "×1", known["sampled"], "", "", ""])
        headers = [
            "method",
            "draw",
            "flatten",
            "width",
            "accuracy",
            "white control",
            "least similarity",
            "copy / Gaussian",
        ]
        text.append(
            f"{kind}: trained {found['trained']:.1f} %, identity draw {found['identity_draw']:.1f} %\n\n"
            + table(headers, rows)
        )
    return "\n\n".join([*text, *goals(result)])


def _drawn(row: dict[str, Any]) -> str:
    return spread(row["accuracies"])


def goals(result: dict[str, Any]) -> list[str]:
    """Return the goals of a benchmark with what was reached, whether met or not."""
    met = {True: "met", False: "not met"}
    rows = [[g["network"], g["what"], g["goal"], f"{g['measured']:.1f}", met[g["met"]]] for g in result["goals"]]
    return ["Goals:\n\n" + table(["network", "what", "goal", "measured", ""], rows)] if rows else []


def lockstep(result: dict[str, Any]) -> str:
    rows = [
        [
            f"{found['chain']['kind']}, depth {found['chain']['depth']}",
            method,
            f"{row['times_faster_by_seconds']:.1f}",
            f"{row['times_faster_by_processor_seconds']:.1f}",
            f"{row['evaluations_per_image']:.1f}",
            f"{row['peak_mib']:.0f}",
        ]
        for found in result["results"]
        for method, row in found["methods"].items()
    ]
    headers = ["chain", "method", "times as fast (clock)", "(processor)", "layer evaluations an image", "peak MiB"]
    text = table(headers, rows)
    shares = [
        [
            f"{found['chain']['kind']}, depth {found['chain']['depth']}",
            found["method"],
            *(f"{100 * share:.0f} %" for share in found["shares"].values()),
            f"{found['processor_seconds'] / found['lower_bound_seconds']:.1f}",
        ]
        for found in result["profiles"]
    ]
    if shares:
        groups = list(result["profiles"][0]["shares"])
        text += "\n\nWhere the time goes:\n\n" + table(["chain", "method", *groups, "times the bound"], shares)
    return text


def limits(result: dict[str, Any]) -> str:
    rows = [
        [
            row["alignment"],
            row["landmarks"],
            f"{row['accuracy']:.1f}",
            f"{row['white']:.1f}",
            " ".join(f"{layer['energy_explained']:.3f}" for layer in row["layers"]),
            "" if row["change"] is None else f"{row['change']:.3f}",
            f"{1e3 * row['seconds_per_image']:.2f}",
        ]
        for row in result["limits"]
    ]
    headers = ["alignment", "landmarks", "limit, %", "white, %", "energy explained", "change of output", "ms an image"]
    text = [f"Trained {result['trained']:.1f} %. The limit network:", table(headers, rows)]
    for curve in result["samples"]:
        layers = list(curve["distances"])
        body = [
            [
                f"×{width:g}",
                spread(curve["accuracies"][k]),
                *(f"{curve['distances'][layer][k]:.3f}" for layer in layers),
                f"{1e3 * curve['seconds_per_image'][k]:.2f}",
            ]
            for k, width in enumerate(curve["widths"])
        ]
        body += [
            [name, "", *(f"{rate[name]:.2f}" for rate in curve["rates"]), ""] for name in ("slope", "bound", "expected")
        ]
        text += [
            f"Gaussian samples, {curve['alignment']}: relative distance to the limit, of kernels by layer and of "
            "the output. *bound*: the slope Theorem 2 proves from the spectrum's decay; *expected* by its authors.",
            table(["width", "accuracy, %", *layers, "ms an image"], body),
        ]
    if (unscaled := result.get("distance_at_x1_without_energy_scale")) is not None:
        text.append(f"Rotations that leave energies as they fall: distance {unscaled:.3f} at ×1.")
    methods = result["kernel_methods"]
    ridges = ", ".join(f"{value:.1f} % at {ridge}" for ridge, value in methods["ridge_accuracy"].items())
    text.append(
        f"Ridge regression with the last layer's kernel on {methods['images']} images, by ridge: {ridges}. Norms "
        f"of the trained logits in its space: {statistics.mean(methods['norm_of_trained_logits']):.3g} on average "
        f"(relative residual {methods['relative_residual']:.3f}); of the limit's own: "
        f"{statistics.mean(methods['norm_of_limit_logits']):.3g}."
    )
    if gram := result.get("gram"):
        text.append(
            f"Gram matrix of {gram['images']} × {gram['images']} images ({gram['distinct']} different ones): "
            f"{gram['seconds']:.0f} s, {gram['matrix_bytes'] / 2**20:.0f} MiB of result; it raised the memory peak of "
            f"the whole run by {gram['peak_growth_bytes'] / 2**20:.0f} MiB."
        )
    return "\n\n".join(text)


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


def recipes(result: dict[str, Any]) -> str:
    settings = result["settings"]
    keys = ("recipe", "epochs", "minutes", "training accuracy", "test accuracy")
    rows = [[row[key] for key in keys] for row in result["rows"]]
    about = f"{settings['net']}, s = {settings['width']:g}, {settings['limit']} training images, all test images."
    return about + "\n\n" + table(keys, rows)


def together(result: dict[str, Any]) -> str:
    settings = result["settings"]
    about = f"{settings['members']} networks, {settings['epochs']} epochs of the digits, seconds."
    return about + "\n\n" + table(list(result["rows"][0]), [list(row.values()) for row in result["rows"]])


def transformer(result: dict[str, Any]) -> str:
    widths = list(dict.fromkeys(row["width"] for row in result["rows"]))
    rows = [
        [name, *(spread(r["accuracies"]) for r in result["rows"] if r["draw"] == name)]
        for name in dict.fromkeys(row["draw"] for row in result["rows"])
    ]
    return (
        f"A vision transformer trained on the digits: {result['trained']:.1f} % of the test images; identity baseline "
        f"{result['identity']:.1f} %. {100 * result['share_drawn']:.1f} % of its parameters are drawn. Test accuracy "
        "in %, mean ± spread over seeds of the draws; *queries and keys*: these alone, the rest as trained.\n\n"
        + table(["draw", *(f"×{width:g}" for width in widths)], rows)
    )


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


def kernels(result: dict[str, Any]) -> str:
    seconds, outputs = result["seconds"], result["outputs"]
    pairs = [row for layer in result["pairs"].values() for row in layer if row["quadrature_ns"] is not None]
    rows = [
        ["200 products of 2048 × 2048, float32", f"{seconds['products']:.1f}", "1"],
        [
            "limit of digits_cnn, 1024 landmarks, by plain quadrature",
            f"{seconds['limit by quadrature']:.1f}",
            f"{seconds['limit by quadrature'] / seconds['products']:.2f}",
        ],
        [
            "the same by few nodes and closed forms",
            f"{seconds['limit']:.1f}",
            f"{seconds['limit'] / seconds['products']:.2f}",
        ],
    ]
    each = ", ".join(f"{row['activation']} {row['quadrature_ns']:.0f} → {row['ours_ns']:.0f} ns" for row in pairs)
    largest = max(row["difference"] for row in pairs)
    reached = [
        name for name, found in outputs.items() if name != "limit" and found["accuracy"] >= outputs["limit"]["accuracy"]
    ]
    text = "Processor seconds of one thread:\n\n" + table(["work", "seconds", "to the products"], rows)
    text += f"\n\nA pair of neurons with offsets, layer by layer: {each}; largest relative difference {largest:.0e}."
    if reached:
        ratio = outputs["limit"]["seconds_per_image"] / outputs[reached[0]]["seconds_per_image"]
        text += f" An image takes {ratio:.1f} times as long through the limit as through the {reached[0]}, the first "
        text += "as accurate."
    return text


def symmetries(result: dict[str, Any]) -> str:
    rows = []
    for weights in ("trained", "random"):
        for action in ("Flip", "QuarterTurns"):
            own = [row for row in result["layers"] if (row["weights"], row["action"]) == (weights, action)]
            means = []
            for column in ("error", "unmixed", "commutator", "commutator_random"):
                values = [row[column] for row in own if row["channels"] > 3 and row[column] is not None]
                means.append(f"{statistics.mean(values):.2f}")
            rows.append([weights, action, *means])
    text = (
        "A public ResNet-20, trained with flips; means over its layers beyond the first. Error of equivariance with "
        "the best mixing of channels and without, on held-out images; commutator of the covariances of weights with "
        "that mixing, and with a random rotation:\n\n"
        + table(["weights", "action", "error", "unmixed", "commutator", "random rotation"], rows)
    )
    keys = [key for key in result["samples"][0] if key not in ("law", "width")]
    drawn = [
        [
            row["law"],
            f"×{row['width']:g}",
            *(f"{row[key]:.1f}" if "accuracy" in key else f"{row[key]:.2f}" for key in keys),
        ]
        for row in result["samples"]
    ]
    return (
        text
        + f"\n\nSamples, {result['images']} images to align on, one draw: relative change of the kernel of the last "
        f"convolution under the action, accuracy in % on {result['test']} test images, moved and as they are:\n\n"
        + table(["law", "width", *keys], drawn)
    )


SECTIONS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "resnet20.json": ("Residual streams: a pretrained ResNet-20", resnet20),
    "resnet20_3000.json": ("The same with 3,000 images to align on", resnet20),
    "resnet20_6000.json": ("The same with 6,000 images to align on", resnet20),
    "projection_resnet.json": ("Residual streams: projection shortcuts", projection),
    "vit.json": ("A vision transformer on digits", transformer),
    "similarity.json": ("All layers with all layers, across architectures", similarities),
    "symmetry.json": ("Symmetry of a public ResNet-20", symmetries),
    "kernels.json": ("Kernels of neurons with offsets", kernels),
    "path.json": ("Paths between two networks", paths),
    "tutorial_mlp.json": ("The authors' tutorial: the perceptron", tutorial),
    "tutorial_cnn.json": ("The authors' tutorial: the convolutional network", tutorial),
    "tutorial_cnn_10000.json": ("The convolutional network with more images to align on", tutorial),
    "tutorial_published.json": ("The published method on the convolutional network, all training images", tutorial),
    "tutorial_published_1.json": ("The same on a network of another seed", tutorial),
    "limit-digits.json": ("The infinite width: a perceptron on digits", limits),
    "limit-mlp.json": ("The infinite width: the tutorial's perceptron", limits),
    "limit-cnn.json": ("The infinite width: the tutorial's convolutional network", limits),
    "scattering.json": ("Throughput of learned scattering networks", throughput),
    "ensemble.json": ("Small networks trained together", together),
    "recipes.json": ("A short recipe beside the published one", recipes),
    "paper_scattering4.json": ("Learned scattering, four layers, CIFAR-10", scattering),
    "paper_scattering4_1.json": ("The same from another seed", scattering),
    "cifar_scattering.json": ("Learned scattering, eight layers, CIFAR-10", scattering),
    "cifar_scattering_skip.json": ("Learned scattering, eight layers with skip, CIFAR-10", scattering),
    "lockstep.json": ("Cost: lockstep against layer by layer", lockstep),
}


def main() -> None:
    text = [
        "# Measured",
        "Written by `python benchmarks/report.py` from `benchmarks/results/*.json`; every section names the command "
        "that gave its numbers and the machine it ran on.",
    ]
    for name, (title, section) in SECTIONS.items():
        if not (RESULTS / name).is_file():
            continue
        result = json.loads((RESULTS / name).read_text())
        machine = ", ".join(f"{key} {value}" for key, value in result["machine"].items())
        text += [f"## {title}", f"`{result['command']}` ({machine})", section(result)]
    (ROOT / "docs" / "results.md").write_text("\n\n".join(text) + "\n")


if __name__ == "__main__":
    main()
