"""Tables of a report: data frames as HTML that scrolls inside its own box."""

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

Columns = Mapping[str, tuple[str, str]]
"""By column of the frame: heading, and how values are shown: "text", "number", "count", "percent" or "p"."""


def table(frame: pd.DataFrame, columns: Columns) -> str:
    """Return a data frame as an HTML table.

    Args:
        frame: The numbers.
        columns: Which columns, in order; those the frame does not have, or only without values, are left out.

    Returns:
        HTML; text is escaped.

    Example:
        >>> print(table(pd.DataFrame({"share": [0.25]}), {"share": ("Share", "percent")}))
        <div class="scroll"><table><thead><tr><th class="n">Share</th></tr></thead>
        <tbody>
        <tr><td class="n">25.0 %</td></tr>
        </tbody></table></div>
    """
    shown = {name: how for name, how in columns.items() if name in frame and not frame[name].isna().all()}
    heads = "".join(f"<th{_align(kind)}>{escape(title)}</th>" for title, kind in shown.values())
    lines = []
    for row in frame[list(shown)].itertuples(index=False):
        cells = "".join(_cell(value, kind) for value, (_, kind) in zip(row, shown.values(), strict=True))
        lines.append(f"<tr>{cells}</tr>")
    body = "\n".join(lines)
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def shown(value: Any, kind: str) -> str:
    """Return a value as text.

    Example:
        >>> shown(0.12345, "number"), shown(1234, "count"), shown(0.0004, "p"), shown(None, "number")
        ('0.123', '1,234', '< 0.001', '–')
    """
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if kind == "percent":
        return f"{100 * value:.1f} %"
    if kind == "count":
        return f"{int(value):,}"
    if kind == "p" and value < 0.001:
        return "< 0.001"
    if kind in ("number", "p"):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _cell(value: Any, kind: str) -> str:
    return f"<td{_align(kind)}>{escape(shown(value, kind))}</td>"


def _align(kind: str) -> str:
    return "" if kind == "text" else ' class="n"'
