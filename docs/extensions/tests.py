"""Tests that a page cites: links to their files in the repository, words on the site, which does not have them."""

import re
from typing import Any

LABEL = re.compile(r"^\[(\w+)\]: \.\./tests/\S+\n?", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to tests into words (a hook of MkDocs)."""
    for label in LABEL.findall(markdown):
        markdown = re.sub(rf"\[([^\[\]]+)\]\[{label}\]", r"\1", markdown)
    return LABEL.sub("", markdown)
