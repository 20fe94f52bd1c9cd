"""Writing: from a rainbow or networks to one HTML file."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from rainbownet.checks import path_of
from rainbownet.extras import require
from rainbownet.files.write import write_text
from rainbownet.rainbow.presets import BEST, Preset
from rainbownet.report.collect import collect
from rainbownet.report.page import page
from rainbownet.report.result import Report


def write_report(
    subjects: Any,
    path: str | PathLike[str],
    loader: Any = None,
    *,
    test: Any = None,
    widths: Sequence[float | int] = (1, 2, 4),
    seed: int = 0,
    preset: Preset = BEST,
    names: Sequence[str] | None = None,
    title: str = "Rainbow report",
    max_images: int | None = None,
    holdout: float = 0.1,
    facts: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Write a page about a rainbow or networks: self-contained, interactive, readable without a network.

    Args:
        subjects: A rainbow, a trained network, or several of one architecture.
        path: The HTML file.
        loader: Yields inputs or (inputs, targets); a rainbow can do without.
        test: Labelled images, as `rainbownet.training.evaluate` takes them, to classify.
        widths: Widths of the samples, each beside its white control; none for no samples.
        seed: Seed of the draws and of the tests.
        preset: How networks are fitted; a rainbow has its own.
        names: What to call the networks.
        title: Title of the page.
        max_images: Images to align on; enough for the width by default.
        holdout: Share of them kept to measure alignments.
        facts: What else to say of the networks and images, as label → text.
        progress: Called with the steps done and their number.

    Returns:
        The numbers of the page.

    Raises:
        MissingExtra: Without plotly, before anything is computed.
        FileError: If the file cannot be written.
        RainbowError: As `rainbownet.report.collect`.
    """
    path_of("path", path)
    for name in ("plotly.graph_objects", "jinja2"):
        require(name, extra="report")
    report = collect(
        subjects,
        loader,
        test=test,
        widths=widths,
        seed=seed,
        preset=preset,
        names=names,
        title=title,
        max_images=max_images,
        holdout=holdout,
        facts=facts,
        progress=progress,
    )
    write_text(path, page(report))
    return report
