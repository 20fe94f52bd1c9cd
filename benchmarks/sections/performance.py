"""How close work is to what it must cost: before and after, maps beside SciPy, growth."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section

REASONS = {
    "draw of 16 linear layers": (
        "A draw of linear layers takes besides the singular vectors of 32 matrices of 256 × 256, for the law of each "
        "layer and for its rotation: with these alone it would be at 1.2 times the bound."
    ),
    "memory of a draw": (
        "A draw evaluates each layer once, so it keeps what one layer gives of all images in both networks, 62 MiB "
        "here; layer by layer one batch is kept, and a layer is evaluated again for each after it. `budget=` puts what "
        "is beyond it on disk."
    ),
}
"""What keeps a work above its goal, by how its name begins."""


def performance(result: dict[str, Any]) -> str:
    columns = [key for key in ("first", "before", "after") if key in result["rows"][0]]
    rows = [
        [
            row["work"],
            row["compared with"],
            f"{row['bound']:.3g}" + (" MiB" if row.get("unit") == "MiB" else ""),
            *(f"{row[key]:.3g} ({row[key] / row['bound']:.2f})" for key in columns),
            f"{row['goal']:g}",
        ]
        for row in result["rows"]
    ]
    text = (
        "Processor seconds, the least of the repeats, of versions that take turns; in brackets the ratio to what the "
        f"work is compared with. *Before* is commit {result['before']}"
    )
    text += f", *first* is {result['first']}" if result["first"] else ""
    reasons = " ".join(reason for reason in map(_limit_of, result["rows"]) if reason)
    return f"{text}. {reasons}".rstrip() + "\n\n" + table(["work", "compared with", "s", *columns, "goal"], rows)


def _limit_of(row: dict[str, Any]) -> str:
    """Return what keeps a work above its goal, where it is."""
    if row["after"] <= row["goal"] * row["bound"]:
        return ""
    return next((reason for name, reason in REASONS.items() if row["work"].startswith(name)), "")


def alignments(result: dict[str, Any]) -> str:
    rows = [
        [row["map"], row["channels"], f"{row['ours']:.3g}", f"{row['peer']:.3g}", f"{row['ours'] / row['peer']:.2f}"]
        for row in result["rows"]
    ]
    return (
        "Peers: singular vectors of LAPACK, `scipy.linalg.solve` with one ridge, "
        "`scipy.optimize.linear_sum_assignment`.\n\n" + table(["map", "channels", "ours, s", "peer, s", "ratio"], rows)
    )


def growth(result: dict[str, Any]) -> str:
    rows = [
        [
            axis,
            ", ".join(f"{point['value']:g}" for point in found["points"]),
            ", ".join(f"{point['seconds']:.2g}" for point in found["points"]),
            f"{found['slopes']['seconds']:.2f} ({found['expected']:g})",
            ", ".join(f"{point['peak_mib']:.0f}" for point in found["points"]),
            f"{found['slopes']['peak_mib']:.2f}",
        ]
        for axis, found in result["axes"].items()
    ]
    heads = ["what grows", "points", "processor s", "slope (expected)", "MiB beyond", "slope"]
    text = "Slopes of the logarithms over the upper half of the points.\n\n" + table(heads, rows)
    if "processes" in result:
        found = result["processes"]
        text += (
            f"\n\nTwo processes that share the images: {found['speedup']:.2f} times as fast as one on the clock; they "
            f"take {100 / found['efficiency'] - 100:.0f} % more processor time together."
        )
    return text


def section(result: dict[str, Any]) -> str:
    """Return the text of one of the three files."""
    if "axes" in result:
        return growth(result)
    return alignments(result) if "device" in result else performance(result)


SECTION = Section(
    135,
    {
        "performance.json": "Cost: before, after and what it must be",
        "alignments.json": "Cost: maps between channels beside SciPy",
        "growth.json": "Cost: growth with width, depth, images, networks, processes",
    },
    section,
)
