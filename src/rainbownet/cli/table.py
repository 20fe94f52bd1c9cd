"""Tables that fit the width of a terminal: whole where they can be, else in pieces, with no cell cut."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

GAP = 2
"""Characters between two columns."""


@dataclass
class Column:
    """A column of text.

    Attributes:
        head: Its name.
        cells: Its cells.
        numeric: Numbers are set to the right and never broken; words may go over several lines.
    """

    head: str
    cells: list[str]
    numeric: bool

    def least(self, room: int) -> int:
        """Return the width below which a word would be broken, at most `room` for words."""
        words = [word for word in self.head.split(" ") if word]
        longest = max(map(len, self.cells), default=0)
        if not self.numeric:
            longest = max((len(word) for cell in self.cells for word in cell.split(" ")), default=0)
        return min(max([longest, *map(len, words)]), room) if not self.numeric else max([longest, *map(len, words)])

    def most(self) -> int:
        """Return the width at which nothing goes over several lines."""
        return max(len(self.head), *map(len, self.cells)) if self.cells else len(self.head)


def columns_of(
    frame: "pd.DataFrame", names: Mapping[str, str] | None = None, percent: Sequence[str] = ()
) -> list[Column]:
    """Return the columns of a data frame as text.

    Args:
        frame: The numbers.
        names: Columns to show under another name.
        percent: Columns that are shares, shown in per cent.
    """
    found = []
    for key in frame.columns:
        values = frame[key].tolist()
        numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        head = str((names or {}).get(key, str(key).replace("_", " ")))
        found.append(Column(head, [cell(value, percent=key in percent) for value in values], numeric))
    return found


def pieces(columns: Sequence[Column], width: int, keys: int = 1) -> list[list[tuple[Column, int]]]:
    """Divide columns into tables that fit a width, the first columns repeated in each.

    Args:
        columns: The columns, those that name a row first.
        width: Characters of a line.
        keys: How many columns name a row.

    Returns:
        Tables: columns and how wide each is to be.
    """
    room = max(8, (width - GAP) // 2)
    heads, rest = list(columns[:keys]), list(columns[keys:])
    groups: list[list[Column]] = []
    for column in rest or [None]:
        tried = [*(groups[-1] if groups else heads), *([] if column is None else [column])]
        fits = sum(c.least(room) for c in tried) + GAP * (len(tried) - 1) <= width
        if groups and not fits:
            groups.append([*heads, *([] if column is None else [column])])
        elif groups:
            groups[-1] = tried
        else:
            groups.append(tried)
    return [[(c, w) for c, w in zip(group, _widths(group, width, room), strict=True)] for group in groups]


def render(piece: Sequence[tuple[Column, int]]) -> Table:
    """Return a table of columns of given widths."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for column, width in piece:
        head = "\n".join(textwrap.wrap(column.head, width, break_long_words=True) or [""])
        justify = "right" if column.numeric else "left"
        table.add_column(head, justify=justify, width=width, overflow="fold", no_wrap=column.numeric)
    for row in zip(*(column.cells for column, _ in piece), strict=True):
        table.add_row(*row)
    return table


def cell(value: Any, *, percent: bool = False) -> str:
    """Return a value as text.

    Example:
        >>> cell(0.5), cell(0.985, percent=True), cell(2.5e-6), cell(float("nan")), cell(True), cell((1, 2))
        ('0.500', '98.5 %', '2.5e-06', '–', 'yes', '1, 2')
    """
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else ""
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        if percent:
            return f"{100 * value:.1f} %"
        return f"{value:.1e}" if 0 < abs(value) < 5e-4 or abs(value) >= 1e6 else f"{value:.3f}"
    return "–" if value is None else str(value)


def _widths(columns: Sequence[Column], width: int, room: int) -> list[int]:
    """Give columns of words what is left over, the widest giving way first."""
    least, found = [c.least(room) for c in columns], [c.most() for c in columns]
    while sum(found) + GAP * (len(columns) - 1) > width:
        spare = [k for k in range(len(columns)) if found[k] > least[k]]
        if not spare:
            break
        found[max(spare, key=lambda k: found[k] - least[k])] -= 1
    return found
