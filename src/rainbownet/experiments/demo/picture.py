"""The picture of the demonstration: accuracy against width and size, layers compared, and filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rainbownet.experiments.demo.results import Results
from rainbownet.plotting.style import BLACK, GREY, legend, panels, save
from rainbownet.plotting.style import COLOURS as PALETTE

COLOURS = {"published": PALETTE[1], "best": PALETTE[0]}
LABELS = {"published": "published: rotations", "best": "best: least squares"}
GREEN, PURPLE, LIGHT = PALETTE[2], PALETTE[3], PALETTE[5]


def draw_picture(results: Results, path: Path, *, width: float) -> None:
    """Draw the results into a PNG file.

    Args:
        results: What the demonstration found.
        path: The file.
        width: Of the networks whose readings are shown.

    Raises:
        MissingExtra: Without matplotlib.
        FileError: If it cannot be written.
    """
    figure, (widths, layers, sizes, readings) = panels(2, 2, width=6.25, height=4.3)
    figure.suptitle("Networks drawn from the law of a trained one, without training", fontsize=16, weight="bold")
    _widths(widths, results)
    _layers(layers, results)
    _sizes(sizes, results)
    _readings(readings, results, width)
    save(figure, path)


def _widths(axis: Any, results: Results) -> None:
    trained = 100 * results.trained["accuracy"].iloc[0]
    table = results.drawn[results.drawn["networks"] == 1]
    for method, colour in COLOURS.items():
        rows = table[table["method"] == method]
        style = {"color": colour, "marker": "o", "markersize": 7, "linewidth": 2.2}
        axis.plot(rows["width"], 100 * rows["accuracy"], label=LABELS[method], **style)
        style |= {"linestyle": ":", "markerfacecolor": "white", "linewidth": 1.8}
        axis.plot(rows["width"], 100 * rows["white"], label="  its white control", **style)
    aligned = ", ".join(f"{100 * value:.1f}" for value in table.groupby("method", sort=False)["identity"].first())
    label = f"trained: {trained:.1f} %\naligned alike: {aligned} %"
    axis.axhline(trained, color=BLACK, linewidth=1.4, linestyle="--", label=label)
    axis.axhline(10, color=GREY, linewidth=1.0)
    axis.text(table["width"].max(), 11.5, "chance", color=GREY, ha="right", fontsize=9)
    _width_axis(axis, sorted(set(table["width"])))
    axis.set_ylim(0, 104)
    axis.set_ylabel("test accuracy, %")
    _finish(axis, "Any width, no training", "what the white control reaches owes nothing to the law")
    legend(axis, loc="center right", anchor=(1.0, 0.56))


def _layers(axis: Any, results: Results) -> None:
    table = results.compared
    series = {
        "activations, held out": ("held_similarity", PURPLE),
        "weights, aligned": ("weights_aligned", GREEN),
        "weights, as they are": ("weights", LIGHT),
        "weights, random rotation": ("weights_random", GREY),
    }
    for k, (label, (column, colour)) in enumerate(series.items()):
        places = [row + 0.2 * (k - 1.5) for row in range(len(table))]
        bars = axis.bar(places, table[column], width=0.18, color=colour, label=label)
        axis.bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
    axis.set_xticks(range(len(table)), [f"layer {name}" for name in table["layer"]])
    axis.set_ylim(0, 1.28)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axis.set_ylabel("cosine")
    _finish(axis, "Did two seeds learn the same?", "cosines between the two networks, 1 for rotated copies")
    legend(axis, ncols=2, loc="upper center")


def _sizes(axis: Any, results: Results) -> None:
    table = results.compressed
    for method, colour in COLOURS.items():
        axis.plot(table["bytes"] / 1e3, 100 * table[method], "o-", color=colour, label=LABELS[method], linewidth=2.2)
        white = 100 * table[f"{method}_white"].iloc[0]
        axis.axhline(white, color=colour, linestyle=":", linewidth=1.8, label=f"  its white control: {white:.1f} %")
    for _, row in table.iterrows():
        place = row["bytes"] / 1e3, 100 * min(row["published"], row["best"])
        label = f"{100 * row['energy']:.0f} %"
        axis.annotate(label, place, xytext=(7, -13), textcoords="offset points", fontsize=9)
    weights = results.trained["weight_bytes"].iloc[0] / 1e3
    axis.axvline(weights, color=BLACK, linestyle="--", linewidth=1.4)
    axis.text(weights * 0.99, 3, "the weights", ha="right", fontsize=9, rotation=90, va="bottom")
    axis.set_xlim(0, 1.08 * max(weights, table["bytes"].max() / 1e3))
    axis.set_ylim(0, 104)
    axis.set_xlabel("bytes of the laws and the classifier, kB")
    axis.set_ylabel("test accuracy, %")
    _finish(
        axis, "How small can the file be?", "laws cut to directions that hold so much of their energy; samples at ×2"
    )
    legend(axis, loc="center right", anchor=(0.71, 0.19))


def _readings(axis: Any, results: Results, width: float) -> None:
    axis.set_axis_off()
    found, columns, lines = results.readings, 7, 3
    names = ("drawn", "white control")
    colours = (COLOURS["published"], GREY)
    count = min(len(found["targets"]), lines * columns)
    for k in range(count):
        row, column = divmod(k, columns)
        left, bottom = column / columns, 0.98 - (row + 1) / lines
        panel = axis.inset_axes((left, bottom + 0.1, 0.9 / columns, 0.23))
        panel.imshow(found["pixels"][k].numpy(), cmap="gray_r", interpolation="nearest")
        panel.set_xticks([])
        panel.set_yticks([])
        for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
            right = found[name][k] == found["targets"][k]
            axis.text(
                left + (0.27 + 0.36 * place) / columns,
                bottom + 0.055,
                str(int(found[name][k])),
                color="white" if right else colour,
                ha="center",
                va="center",
                fontsize=11,
                weight="bold",
                bbox={"boxstyle": "round,pad=0.22", "facecolor": colour if right else "white", "edgecolor": colour},
                transform=axis.transAxes,
            )
    axis.set_title("What they read\n", loc="left", fontsize=12.5, weight="bold")
    axis.text(
        0,
        1.02,
        f"orange: drawn at ×{width:g}, published method; grey: white control; filled: right",
        transform=axis.transAxes,
        fontsize=9.5,
        color="#555555",
    )


def _width_axis(axis: Any, widths: list[float]) -> None:
    axis.set_xscale("log", base=2)
    axis.set_xticks(widths, [f"×{width:g}" for width in widths])
    axis.minorticks_off()
    axis.set_xlabel("width of the drawn network")


def _finish(axis: Any, title: str, subtitle: str) -> None:
    axis.set_title(f"{title}\n", loc="left", fontsize=12.5, weight="bold")
    axis.text(0, 1.02, subtitle, transform=axis.transAxes, fontsize=9.5, color="#555555")
    axis.grid(visible=False, axis="x")
