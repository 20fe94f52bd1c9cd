"""Averages of samples beside one as wide as all of them, and the limit."""

import statistics
from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section

KEYS = ("accuracy", "nll", "ece")


def averaged(result: dict[str, Any]) -> str:
    rows = []
    for row in result["rows"]:
        cells = []
        for key, digits in zip(KEYS, (1, 3, 1), strict=True):
            values = [run[key] for run in row["runs"]]
            cells.append(f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}")
        rows.append([row["what"], row["count"], *cells])
    names = {
        "limit": f"limit, {result['landmarks']} landmarks",
        "trained": "trained",
        "identity": "identity baseline",
        "white": "white control, the widest",
    }
    for key, name in names.items():
        found = result[key]
        rows.append([name, "", f"{found['accuracy']:.1f}", f"{found['nll']:.3f}", f"{found['ece']:.1f}"])
    return (
        "The tutorial's perceptron at a quarter of its width. K samples of its width with averaged probabilities, and "
        f"one sample K times as wide; mean ± spread over {result['seeds']} seeds.\n\n"
        + table(["", "K", "accuracy, %", "NLL", "ECE, %"], rows)
        + "\n\n![Accuracy, NLL and ECE of averages of K samples and of one K times as wide, against K]"
        "(images/averaged.png)"
    )


SECTION = Section(7, {"averaged.json": "Averages of samples"}, averaged)
