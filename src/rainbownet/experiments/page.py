"""The page of reproduced figures: from JSON files to Markdown, judged anew by the rules of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rainbownet.experiments.figure import Claim, Figure
from rainbownet.experiments.markdown import table
from rainbownet.experiments.reproduce import read, tables_of
from rainbownet.experiments.verdict import Verdict

HEAD = """# Reproduction

Written by `rainbownet reproduce`: what the papers found, beside what the same analyses find here. Published values are
drawn in black, with crosses.

Every verdict is that of a rule that can say no. Its threshold comes from the published effect or from a control, its
error bar from networks trained from different seeds (95 % of the mean, Student's t). **Cannot tell** means fewer than
three networks, a spread larger than the effect, or a control that was not measured. Numbers behind a verdict stand in
the last column of each figure's table."""


def claims_table(judged: Iterable[tuple[str, Claim]]) -> pd.DataFrame:
    """Return a row per claim of a figure: what was claimed, published, measured, the verdict, and why."""
    columns = ["figure", "claim", "published", "ours", "verdict", "because"]
    rows = [(name, c.text, c.published, c.ours, c.verdict.value, c.reason) for name, c in judged]
    return pd.DataFrame(rows, columns=columns)


def counts(claims: Iterable[Claim]) -> str:
    """Return how many claims agree, disagree and cannot be told, in words."""
    found = Counter(claim.verdict for claim in claims)
    return ", ".join(f"{found[verdict]} {verdict.value}" for verdict in Verdict)


def page(out: Path, figures: Mapping[str, Figure], *, pictures: str, also: Mapping[str, Path] | None = None) -> str:
    """Return a Markdown page of all figures whose JSON files are in a folder.

    Args:
        out: The folder.
        figures: Figures, in order.
        pictures: Path of the folder as seen from the page.
        also: Folders of the same figures at other scales, by their path as seen from the page: what they found stands
            below.

    Returns:
        The page; verdicts are those of the figures' rules, whatever the files say.

    Raises:
        FileError: If a file is not that of a figure.
    """
    found, others = _read(out, figures), {place: _read(folder, figures) for place, folder in (also or {}).items()}
    claims = {name: figures[name].claims(tables_of(content)) for name, content in found.items()}
    text = [HEAD, f"**{counts(c for own in claims.values() for c in own)}.**", _table(_named(claims))]
    again = {
        place: {name: figures[name].claims(tables_of(content)) for name, content in contents.items()}
        for place, contents in others.items()
    }
    for place, contents in others.items():
        scales = ", ".join(dict.fromkeys(content["scale"] for content in contents.values()))
        summary = counts(c for own in again[place].values() for c in own)
        text += [f"Some figures were made again at another scale ({scales}): {summary}.", _table(_named(again[place]))]
    for name, content in found.items():
        text += [f"## {content['title']}", *_section(content, claims[name], pictures), *content["notes"]]
        for place, contents in others.items():
            if name in contents:
                own = contents[name]
                text += [
                    f"### At scale {_scale(own)}",
                    f"What changed: {content['scale']}; here {own['scale']}. Networks: {own['networks']} instead of "
                    f"{content['networks']}.",
                    *_section(own, again[place][name], place),
                    *own["notes"],
                ]
    return "\n\n".join(text) + "\n"


def _named(claims: Mapping[str, Iterable[Claim]]) -> pd.DataFrame:
    return claims_table((name, claim) for name, own in claims.items() for claim in own).drop(columns="because")


def _scale(content: Mapping[str, Any]) -> str:
    return content["command"].split()[-1]


def _read(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: read(path) for name, path in paths.items() if path.is_file()}


def _section(content: Mapping[str, Any], claims: Iterable[Claim], pictures: str) -> list[str]:
    described = ", ".join(f"{key} {value}" for key, value in content["machine"].items() if value)
    trained = f" with {content['trained']} networks trained" if "trained" in content else ""
    return [
        f"{content['source']}. `{content['command']}` ({content['scale']}; {content['networks']}; "
        f"{content['seconds']:.0f} s{trained}; {described})",
        f"![{content['title']}]({pictures}/{content['figure']}.png)",
        _table(claims_table((content["figure"], claim) for claim in claims).drop(columns="figure")),
    ]


def _table(frame: pd.DataFrame) -> str:
    return table(list(frame.columns), frame.to_numpy().tolist())
