"""What a verb prints and writes: tables on standard output, and one JSON file."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rainbownet.progress import aside

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

WIDE = 160
"""Characters of a line where standard output is no terminal and COLUMNS says nothing."""


def print_table(
    frame: "pd.DataFrame",
    title: str,
    *,
    names: Mapping[str, str] | None = None,
    percent: Sequence[str] = (),
    caption: str | None = None,
    keys: int = 1,
) -> None:
    """Print a data frame, in several pieces where the terminal is too narrow for one.

    Args:
        frame: The numbers.
        title: What they are.
        names: Columns to show under another name.
        percent: Columns that are shares, shown in per cent.
        caption: A line below.
        keys: How many of the first columns name a row; every piece has them.
    """
    from rainbownet.cli.table import columns_of, pieces, render

    with aside():
        out = console()
        out.print(title, style="bold", markup=False)
        for piece in pieces(columns_of(frame, names, percent), out.width, keys):
            out.print(render(piece))
            out.print()
        if caption:
            out.print(caption, style="dim", markup=False)
            out.print()


def say(line: str) -> None:
    """Print a line, beside a progress bar if there is one."""
    with aside():
        console().print(line, markup=False, soft_wrap=True)


def console() -> "Console":
    """Return a console on standard output as it is now; wide where that is no terminal, so that tables are whole."""
    from rich.console import Console

    result = Console(highlight=False)
    return result if result.is_terminal else Console(highlight=False, width=int(os.environ.get("COLUMNS") or WIDE))


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
    from rainbownet.record import machine, plain, versions

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
