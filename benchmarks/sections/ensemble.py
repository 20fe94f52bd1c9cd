"""Small networks trained together and one by one."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def together(result: dict[str, Any]) -> str:
    settings = result["settings"]
    about = f"{settings['members']} networks, {settings['epochs']} epochs of the digits, seconds."
    return about + "\n\n" + table(list(result["rows"][0]), [list(row.values()) for row in result["rows"]])


SECTION = Section(110, {"ensemble.json": "Small networks trained together"}, together)
