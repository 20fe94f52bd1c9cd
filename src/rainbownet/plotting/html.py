"""Small tables for notebooks: text is escaped, nothing runs."""

from __future__ import annotations

from html import escape

import pandas as pd

ROWS = 20
"""Rows of a table that are shown; of more, the first and the last."""

COLUMNS = 12


def small_table(title: str, table: pd.DataFrame, *, note: str = "", index: bool = False) -> str:
    """Return a table as HTML, with a line above it and one below.

    Args:
        title: Text above.
        table: Names of columns and layers are escaped; numbers have three digits.
        note: Text below.
        index: Whether rows have names.

    Returns:
        HTML without scripts.

    Example:
        >>> html = small_table("a < b", pd.DataFrame({"layer": ["<i>"], "cosine": [0.12345]}))
        >>> "a &lt; b" in html, "&lt;i&gt;" in html, "0.123" in html
        (True, True, True)
    """
    body = table.to_html(
        index=index, border=0, max_rows=ROWS, max_cols=COLUMNS, na_rep="–", float_format="{:.3g}".format
    )
    below = f"<p>{escape(note)}</p>" if note else ""
    return f"<div><p><b>{escape(title)}</b></p>{body}{below}</div>"
