"""The page of coverage and the sentence on it that README and the page of networks have, from coverage.json."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from coverage_counts import COPIES, failed, rules
from rainbownet.experiments.markdown import table

GROUPS = {
    "timm": "timm: a small variant of each family",
    "torchvision": "torchvision: builders of classifiers",
    "detection": "torchvision: segmentation, backbones of detectors, films",
    "hf": "transformers: tiny configurations",
}
OWNERS = {
    "timm": "timm's families",
    "torchvision": "torchvision's classifiers",
    "detection": "torchvision's other models",
    "hf": "transformers",
}
BEGIN, END = "<!-- coverage -->", "<!-- /coverage -->"


def page(result: dict[str, Any]) -> str:
    """Return the page."""
    groups = {name: [n for n in result["networks"] if n["group"] == name] for name in GROUPS}
    groups = {name: own for name, own in groups.items() if own}
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    parts = [
        "# Coverage\n",
        "Written by `python benchmarks/report.py` from what `python benchmarks/coverage.py` measured: networks that "
        f"nobody here chose ({versions}), as they are, weights at random, nothing in them constant, batch norms with "
        "the statistics of the images; ten classes, a small variant, the smallest images that it takes, families of "
        "more than nine million parameters cut in depth where their factory lets us. *Drawn* is the share of the "
        "parameters that belongs to drawn neurons; the classifier is aligned, never drawn. *Copies*: the trained "
        "neurons themselves, as they are, shuffled, and doubled, as a sample of the library, in float64: the largest "
        f"difference of outputs relative to the largest output; {result['exact']:g} and less is exact. *Samples* of "
        "Gaussian laws at widths ½, 1½, 2 and 3, each channel matched to its closest: whether outputs are finite. "
        "*Fit*: seconds of one core.\n",
        f"{sentence(result)} The list goes on where the counts say so: its cheap networks were measured first.\n",
        "## Counts\n",
        _counts(groups, result["listed"]),
        "\n## What is kept, and for want of what\n",
        "Networks in which an operation keeps parameters as trained; the rest of each is drawn.\n",
        _kept(result["networks"]),
        "\n## What failed\n",
        _failures(result["networks"]),
    ]
    for name, own in groups.items():
        parts += [f"\n## {GROUPS[name]}\n", _networks(own)]
    return "\n".join(parts) + "\n"


def sentence(result: dict[str, Any]) -> str:
    """Return how many networks go through, in a sentence."""
    networks = result["networks"]
    exact = sum(all(n.get(c, 1) <= result["exact"] for c in COPIES) and n.get("share", 0) >= 0.5 for n in networks)
    shares = [n["share"] for n in networks if "share" in n]
    known = {name: sum(n["group"] == name for n in networks) for name in GROUPS}
    counts = ", ".join(f"{count} of {OWNERS[name]}" for name, count in known.items() if count)
    return (
        f"Of {len(networks)} networks that nobody here chose ({counts}), {sum('share' in n for n in networks)} are "
        f"traced; {exact} give their outputs exactly from their own neurons, shuffled and doubled, with at least half "
        f"of their parameters drawn; the median share drawn is {100 * statistics.median(shares):.1f} %."
    )


def with_sentence(text: str, result: dict[str, Any], link: str) -> str:
    """Return a page whose sentence on coverage, between two marks, is the present one."""
    new = f"{BEGIN}{sentence(result)} [Every network and reason]({link}).{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: new, text, flags=re.DOTALL)


def _counts(groups: dict[str, list[dict[str, Any]]], listed: dict[str, int]) -> str:
    rows = [["networks measured, of the list", *(f"{len(own)} of {listed[name]}" for name, own in groups.items())]]
    for name, rule in rules().items():
        rows.append(
            [
                name,
                *(f"{sum(map(rule, own))} ({100 * sum(map(rule, own)) / len(own):.0f} %)" for own in groups.values()),
            ]
        )
    medians = [statistics.median([n.get("share", 0.0) for n in own]) for own in groups.values()]
    rows.append(["median share of the parameters drawn", *(f"{100 * m:.1f} %" for m in medians)])
    return table(["", *groups], rows)


def _kept(networks: Sequence[dict[str, Any]]) -> str:
    found: dict[tuple[str, str], list[str]] = {}
    for network in networks:
        for kept in network.get("kept", []):
            why = re.sub(r"\([0-9, ]+\)", "", re.sub(r"'[\w.]+'", "", kept["why"])).replace("  ", " ")
            names = found.setdefault((kept["operation"].rpartition(".")[2], why), [])
            if network["name"] not in names:
                names.append(network["name"])
    rows = []
    for (operation, why), names in sorted(found.items(), key=lambda item: -len(item[1])):
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        rows.append([f"`{operation}`", why, len(names), shown])
    return table(["operation", "reason", "networks", ""], rows) if rows else "Nothing."


def _failures(networks: Sequence[dict[str, Any]]) -> str:
    rows = []
    for network in filter(failed, networks):
        inexact = [f"{c} {network[c]:.0e}" for c in COPIES if network.get(c, 0) > 1e-9]
        errors = Counter(_plain(error) for error in network.get("errors", {}).values())
        reasons = [f"{error} ({times} stages)" if times > 1 else error for error, times in errors.items()]
        rows.append([network["group"], network["name"], "; ".join([*inexact, *reasons])])
    return table(["", "network", "what"], rows) if rows else "Nothing."


def _plain(error: str) -> str:
    return (error[:220] + "…" if len(error) > 220 else error).replace("<", "‹").replace(">", "›").replace("*", "\\*")


def _networks(own: Sequence[dict[str, Any]]) -> str:
    rows = []
    for n in sorted(own, key=lambda n: n["name"]):
        copies = [n[c] for c in COPIES if c in n]
        draws = n.get("draws", {})
        finite = [width for width, word in draws.items() if word == "finite"]
        rows.append(
            [
                n["name"],
                f"`{n['variant']}`",
                f"{n['parameters'] / 1e6:.1f} M" if "parameters" in n else "",
                f"{100 * n['share']:.1f}" if "share" in n else "",
                f"{max(copies):.0e}" if len(copies) == len(COPIES) else "",
                "all" if len(finite) == 4 else ", ".join(finite),
                f"{n['fit_seconds']:.1f}" if "fit_seconds" in n else "",
            ]
        )
    return table(["family", "variant", "parameters", "drawn, %", "copies", "samples", "fit, s"], rows)
