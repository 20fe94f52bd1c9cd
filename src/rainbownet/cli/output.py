"""What a verb prints and writes: tables on standard output, and one JSON file."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from rainbownet.record import machine, plain, versions

if TYPE_CHECKING:
    import pandas as pd


def print_table(
    frame: "pd.DataFrame",
    title: str,
    *,
    names: Mapping[str, str] | None = None,
    percent: Sequence[str] = (),
    caption: str | None = None,
) -> None:
    """Print a data frame.

    Args:
        frame: The numbers.
        title: What they are.
        names: Columns to show under another name.
        percent: Columns that are shares, shown in per cent.
        caption: A line below.
    """
    table = Table(title=title, title_justify="left", title_style="bold", caption=caption, caption_justify="left")
    for column in frame.columns:
        numeric = frame[column].map(lambda value: isinstance(value, (int, float)) and not isinstance(value, bool)).all()
        table.add_column(
            str((names or {}).get(column, str(column).replace("_", " "))), justify="right" if numeric else "left"
        )
    for _, row in frame.iterrows():
        table.add_row(*(_text(row[column], column in percent) for column in frame.columns))
    console().print(table)


def console() -> Console:
    """Return a console on standard output as it is now; wide where that is no terminal, so that tables are whole."""
    result = Console(highlight=False)
    return result if result.is_terminal else Console(highlight=False, width=160)


def write_json(path: Path | None, verb: str, settings: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Write the settings and numbers of a verb, with versions and machine, if a file was asked for.

    Args:
        path: Where, or nothing.
        verb: The verb.
        settings: Its arguments.
        results: Its numbers.

    Raises:
        FileError: If it cannot be written; a file that was there before is untouched.
    """
    if path is None:
        return
    from rainbownet.files.write import write_text

    content = {"verb": verb, "settings": settings, **results, "versions": versions(), "machine": machine()}
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, text)


def check_writable(*paths: Path | None) -> None:
    """Refuse files that cannot be written before the work is done.

    Raises:
        FileError: If a folder is missing, the name is that of one or too long, or writing is not permitted.
    """
    from rainbownet.files.write import check_writable as check

    check(*paths)


def size_text(count: int) -> str:
    """Return a number of bytes for reading.

    Example:
        >>> size_text(2_345_678), size_text(912)
        ('2.35 MB', '912 B')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} B"


def _text(value: Any, percent: bool) -> str:
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else ""
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        return f"{100 * value:.1f} %" if percent else f"{value:.3f}"
    return str(value)
