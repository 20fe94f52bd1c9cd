"""Docstrings as the site shows them: examples are code, roles are mathematics and names."""

import re
from typing import Any

from griffe import Extension, Object


class Docstrings(Extension):
    """Rewrite docstrings before they are parsed; the sources keep the notation of their editors."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Name sections of one example as the parser does, lest brackets be read as links; write roles as Markdown."""
        if obj.docstring is None:
            return
        text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
        text = re.sub(r"^\.\. math:: (.+(?:\n .+)*)", r"\\[\1\\]", text, flags=re.MULTILINE)
        text = re.sub(r":math:`([^`]+)`", r"\\(\1\\)", text)
        obj.docstring.value = re.sub(r":(?:class|func|meth|mod|attr|data):`~?([^`]+)`", r"`\1`", text)
