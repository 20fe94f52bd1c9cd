"""The reference has every public name once."""

import importlib
import re
from pathlib import Path

import rainbownet

PAGES = Path(__file__).parents[1] / "docs" / "reference"
ROOMS = (*rainbownet._ROOMS, "similarities")


def public_names():
    """Return the public names of the package and its rooms; what stands in both counts as the package's."""
    found = {}
    for room in ("", *(f".{name}" for name in ROOMS)):
        module = importlib.import_module(f"rainbownet{room}")
        names = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
        ]
        for name in names:
            found.setdefault(id(getattr(module, name)), f"{module.__name__}.{name}")
    return set(found.values())


def test_every_public_name_is_in_the_reference_once():
    listed = [name for page in PAGES.glob("*.md") for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.M)]
    assert sorted(listed) == sorted(public_names())
