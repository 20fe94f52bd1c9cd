"""Samples of a vision transformer on digits."""

from typing import Any

from rainbownet.experiments.markdown import spread, table
from sections import Section


def transformer(result: dict[str, Any]) -> str:
    widths = list(dict.fromkeys(row["width"] for row in result["rows"]))
    rows = [
        [name, *(spread(r["accuracies"]) for r in result["rows"] if r["draw"] == name)]
        for name in dict.fromkeys(row["draw"] for row in result["rows"])
    ]
    return (
        f"A vision transformer trained on the digits: {result['trained']:.1f} % of the test images; identity baseline "
        f"{result['identity']:.1f} %. {100 * result['share_drawn']:.1f} % of its parameters are drawn. Test accuracy "
        "in %, mean ± spread over seeds of the draws; *queries and keys*: these alone, the rest as trained.\n\n"
        + table(["draw", *(f"×{width:g}" for width in widths)], rows)
    )


SECTION = Section(30, {"vit.json": "A vision transformer on digits"}, transformer)
