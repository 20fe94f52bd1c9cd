"""From sums to the rows of the table: every measure of every pair, each decomposition done once a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rainbownet.aligned.ridge import Ridge
from rainbownet.similarities import measures as of
from rainbownet.similarities.sums import Pair, Sums

MOMENT_MEASURES = ("rotation", "angular", "cka", "cka_biased", "cca", "pwcca", "linear")
"""Measures that second moments give; `"rsa"` needs patterns."""


class Reader:
    """Read measures off the sums of one group of layers, fitted and held out."""

    def __init__(self, fitted: Sums, held: Sums, *, centred: bool) -> None:
        self.fitted, self.held, self.centred = fitted, held, centred
        self._ridges: dict[tuple[str, int], tuple[Ridge, Float[Tensor, "d _d"] | None]] = {}

    def rows(self, i: int, j: int, measures: Sequence[str]) -> list[dict[str, Any]]:
        """Return a row of the table for each measure of a pair of layers of the group."""
        counts = {"rows": self.fitted.count, "held_rows": self.held.count}
        found = self._values(i, j, measures)
        return [
            {"measure": name, "value": found[name][0], "held_value": found[name][1]} | counts
            for name in expanded(measures)
            if name in found
        ]

    def _values(self, i: int, j: int, measures: Sequence[str]) -> dict[str, tuple[float, float]]:
        found: dict[str, tuple[float, float]] = {}
        if "cka" in measures:
            held_cka = self.held.debiased_cka(i, j) if self.held.count else math.nan
            found["cka"] = (self.fitted.debiased_cka(i, j), held_cka)
        if set(measures) <= {"cka", "rsa"}:
            return found
        fitted = self.fitted.pair(i, j)
        held = self.held.pair(i, j) if self.held.count else None
        if {"rotation", "angular"} & set(measures):
            both = self._rotation(fitted, held)
            found["rotation"] = both
            found["angular"] = (of.angular_distance(both[0]), of.angular_distance(both[1]))
        for name, measure in (("cka_biased", of.cka), ("pwcca", of.pwcca), ("cca", _mean_correlation)):
            if name in measures:
                values = [measure(p.cross, p.self_x, p.self_y) if p else math.nan for p in (fitted, held)]
                found[name] = values[0], values[1]
        if "linear" in measures:
            found["linear"] = self._linear("x", i, fitted.cross, fitted.energy_y, held, mirrored=False)
            found["linear_reverse"] = self._linear("y", j, fitted.cross.mT, fitted.energy_x, held, mirrored=True)
        return found

    def _rotation(self, fitted: Pair, held: Pair | None) -> tuple[float, float]:
        if held is None:
            return of.rotation_similarity(fitted.cross, fitted.energy_x, fitted.energy_y), math.nan
        rotation = of.rotation(fitted.cross)
        value = of.cosine_under(rotation, fitted.cross, fitted.energy_x, fitted.energy_y)
        return value, of.cosine_under(rotation, held.cross, held.energy_x, held.energy_y)

    def _linear(
        self, side: str, i: int, cross: Tensor, energy: float, held: Pair | None, *, mirrored: bool
    ) -> tuple[float, float]:
        ridge, held_self = self._ridge(side, i)
        rotated = ridge.vectors.mT @ cross
        chosen, value = ridge.choose(rotated, energy)
        if held is None or held_self is None or math.isnan(value):
            return value, math.nan
        other = held.cross.mT if mirrored else held.cross
        rest = held.energy_x if mirrored else held.energy_y
        return value, of.explained_by(ridge.coefficients(rotated, chosen), ridge.vectors.mT @ other, held_self, rest)

    def _ridge(self, side: str, i: int) -> tuple[Ridge, Tensor | None]:
        if (side, i) not in self._ridges:
            ridge = Ridge.of(self.fitted.self_moment(side, i), self.fitted.count, centred=self.centred)
            held = None
            if self.held.count:
                held = ridge.vectors.mT @ self.held.self_moment(side, i) @ ridge.vectors
            self._ridges[side, i] = ridge, held
        return self._ridges[side, i]


def expanded(measures: Sequence[str]) -> list[str]:
    """Return measures with the reverse direction beside each that has one.

    Example:
        >>> expanded(["linear", "cka"])
        ['linear', 'linear_reverse', 'cka']
    """
    return [
        name for measure in measures for name in ([measure, f"{measure}_reverse"] if measure == "linear" else [measure])
    ]


def _mean_correlation(cross: Tensor, self_x: Tensor, self_y: Tensor) -> float:
    found: Any = of.canonical_correlations(cross, self_x, self_y)
    return found.mean().item() if len(found) else math.nan
