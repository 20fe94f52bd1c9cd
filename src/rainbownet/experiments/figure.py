"""What a figure is: how its numbers are computed, what it claims, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from rainbownet.record import plain

if TYPE_CHECKING:
    from rainbownet.experiments.context import Context


@dataclass(frozen=True)
class Claim:
    """Something a paper says that numbers can contradict.

    Attributes:
        text: The claim.
        published: What was published.
        ours: What was measured.
        agrees: Whether both say the same; None where the scale does not allow to tell.
    """

    text: str
    published: str
    ours: str
    agrees: bool | None


@dataclass(frozen=True)
class Outcome:
    """What a figure found.

    Attributes:
        tables: Tidy tables, by name.
        claims: What was claimed, beside what was found.
        networks: Which networks, in words.
        notes: What a reader should know, such as a tested explanation of a disagreement.
    """

    tables: Mapping[str, pd.DataFrame]
    claims: Sequence[Claim]
    networks: str
    notes: Sequence[str] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "networks": self.networks,
            "notes": list(self.notes),
            "claims": [asdict(claim) for claim in self.claims],
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
        draw: From tables to a matplotlib figure.
    """

    name: str
    title: str
    source: str
    compute: Callable[[Context], Outcome]
    draw: Callable[[Mapping[str, pd.DataFrame]], Any]
