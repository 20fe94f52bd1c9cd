"""A short recipe of training beside the published one."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def recipes(result: dict[str, Any]) -> str:
    settings = result["settings"]
    keys = ("recipe", "epochs", "minutes", "training accuracy", "test accuracy")
    rows = [[row[key] for key in keys] for row in result["rows"]]
    about = f"{settings['net']}, s = {settings['width']:g}, {settings['limit']} training images, all test images."
    return about + "\n\n" + table(keys, rows)


SECTION = Section(120, {"recipes.json": "A short recipe beside the published one"}, recipes)
