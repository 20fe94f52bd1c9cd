"""An `Example:` section of a docstring is code: without this its brackets would be read as links."""

from typing import Any

from griffe import Extension, Object


class Doctests(Extension):
    """Give sections of one example the name that the parser knows."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Rename the section in the docstring of an object, before it is parsed."""
        if obj.docstring is not None:
            lines = obj.docstring.value.split("\n")
            obj.docstring.value = "\n".join("Examples:" if line == "Example:" else line for line in lines)
