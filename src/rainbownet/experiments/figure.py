"""What a figure is: how its numbers are computed, the rules that judge them, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from rainbownet.experiments.verdict import FEWEST, Judgement, Verdict
from rainbownet.record import plain

if TYPE_CHECKING:
    from rainbownet.experiments.context import Context

Tables = Mapping[str, pd.DataFrame]
"""Tidy tables of a figure, by name; what a rule and a plot read, and all that is kept in JSON."""


@dataclass(frozen=True)
class Claim:
    """What a rule said of numbers.

    Attributes:
        rule: Name of the rule.
        text: What was claimed.
        published: What was published.
        ours: What was measured.
        verdict: Whether both say the same.
        reason: The numbers that decided, beside the threshold.
    """

    rule: str
    text: str
    published: str
    ours: str
    verdict: Verdict
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Return JSON values."""
        return {
            "rule": self.rule,
            "text": self.text,
            "published": self.published,
            "ours": self.ours,
            "verdict": self.verdict.value,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Rule:
    """Something a paper says, with the test that numbers may fail.

    Attributes:
        name: Short name, its own within a figure.
        text: What is claimed.
        published: What was published.
        judge: From tables to what was measured, in words, and the judgement.
    """

    name: str
    text: str
    published: str
    judge: Callable[[Tables], tuple[str, Judgement]]

    def __call__(self, tables: Tables) -> Claim:
        """Judge tables."""
        ours, judgement = self.judge(tables)
        return Claim(self.name, self.text, self.published, ours, judgement.verdict, judgement.reason)


@dataclass(frozen=True)
class Outcome:
    """What a figure found.

    Attributes:
        tables: Tidy tables, by name.
        networks: Which networks, in words.
        notes: What a reader should know, such as a tested explanation of a disagreement.
    """

    tables: Tables
    networks: str
    notes: Sequence[str] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "networks": self.networks,
            "notes": list(self.notes),
            "tables": {name: plain(table) for name, table in self.tables.items()},
        }


@dataclass(frozen=True)
class Figure:
    """A published figure.

    Attributes:
        name: Short name, that of its file.
        title: What it shows.
        source: Where it was published.
        compute: From trained networks to numbers; it asks the context for the networks.
        rules: What was claimed, each with its test.
        draw: From tables to a matplotlib figure.
        prepare: Trains its networks, each on all processes of a run. A figure that has this is of a data set that must
            be named, and is not among all.
    """

    name: str
    title: str
    source: str
    compute: Callable[[Context], Outcome]
    rules: Sequence[Rule]
    draw: Callable[[Tables], Any]
    prepare: Callable[[Context], None] | None = None

    def claims(self, tables: Tables) -> list[Claim]:
        """Judge tables by every rule."""
        return [rule(tables) for rule in self.rules]


def often(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of widths that have networks enough for a verdict, or all where no width has.

    Example:
        >>> table = pd.DataFrame({"width": [0.5, 0.5, 0.5, 1.0], "seed": [0, 1, 2, 0]})
        >>> set(often(table)["width"]), set(often(table[2:])["width"])
        ({0.5}, {0.5, 1.0})
    """
    if "seed" not in table:
        return table
    kept = table[table.groupby("width")["seed"].transform("nunique") >= FEWEST]
    return kept if len(kept) else table


def each_seed(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each seed; a table without seeds is of one.

    Example:
        >>> [len(part) for part in each_seed(pd.DataFrame({"seed": [0, 0, 1], "x": [1, 2, 3]}))]
        [2, 1]
    """
    return [part for _, part in table.groupby("seed", sort=False)] if "seed" in table else [table]
