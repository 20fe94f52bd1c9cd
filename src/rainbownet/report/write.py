"""Writing: from a rainbow or networks to one HTML file."""

from os import PathLike
from typing import Any

from rainbownet.checks import path_of
from rainbownet.extras import require
from rainbownet.files.write import write_text
from rainbownet.report.collect import collect
from rainbownet.report.page import page
from rainbownet.report.result import Report


def write_report(subjects: Any, path: str | PathLike[str], loader: Any = None, **options: Any) -> Report:
    """Write a page about a rainbow or networks: self-contained, interactive, readable without a network.

    Args:
        subjects: A rainbow, a trained network, or several of one architecture.
        path: The HTML file.
        loader: Yields inputs or (inputs, targets); a rainbow can do without.
        options: Those of `rainbownet.report.collect`: `test` images, `widths`, `seed`, `names`, `title` and so on.

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
    report = collect(subjects, loader, **options)
    write_text(path, page(report))
    return report
