"""Verdicts: whether numbers agree with what was published, disagree, or do not allow to tell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.stats import t

FEWEST = 3
"""Networks below which nothing is said: two have no spread to speak of."""

LEVEL = 0.95


class Verdict(str, Enum):
    """What a rule says."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Judgement:
    """A verdict and the numbers it comes from.

    Attributes:
        verdict: The verdict.
        numbers: What was measured and what was asked for, in words.
        lack: What is missing for a verdict.
    """

    verdict: Verdict
    numbers: str
    lack: str = ""

    @property
    def reason(self) -> str:
        """Numbers and what is missing, in words."""
        return "; ".join(part for part in (self.numbers, self.lack) if part)


def at_least(values: Iterable[float], threshold: float, what: str = "") -> Judgement:
    """Judge whether the mean of a quantity over networks is at least a threshold.

    It agrees where the whole 95 % interval of the mean (Student's t over networks) is beyond the threshold, disagrees
    where it is wholly below, and cannot tell in between or with fewer than three networks.

    Args:
        values: The quantity, one number for each independently trained network.
        threshold: What is asked for.
        what: What the quantity is, in words.

    Returns:
        The judgement.

    Example:
        >>> at_least([3.0, 3.1, 2.9], 2.0).verdict.value, at_least([3.0, 3.1, 2.9], 4.0).verdict.value
        ('agree', 'disagree')
        >>> at_least([3.0, 1.1, 4.9], 2.0).verdict.value, at_least([9.0], 2.0).reason
        ('cannot tell', '9, ≥ 2 needed; 1 network, 3 are needed')
    """
    return _judged(values, threshold, what, sign=1)


def at_most(values: Iterable[float], threshold: float, what: str = "") -> Judgement:
    """Judge whether the mean of a quantity over networks is at most a threshold, as `at_least`.

    Example:
        >>> at_most([3.0, 3.1, 2.9], 4.0, "errors").reason
        'errors 3 ± 0.248, ≤ 4 needed'
    """
    return _judged(values, threshold, what, sign=-1)


def share_kept(kept: Iterable[float], whole: Iterable[float], share: float, what: str) -> Judgement:
    """Judge whether something is at least a share of a whole, by their difference, so that no quotient explodes.

    Args:
        kept: What is kept, one number for each network.
        whole: Of what.
        share: The share that is asked for.
        what: What both are, in words.

    Returns:
        The judgement of `kept − share · whole ≥ 0`; it cannot tell where the whole is nothing on average.

    Example:
        >>> share_kept([6.0, 6.1, 5.9], [10.0, 10.0, 10.0], 0.5, "points").verdict.value
        'agree'
        >>> share_kept([6.0, 6.1, 5.9], [0.0, 0.0, 0.0], 0.5, "points").reason
        'points: there is nothing to keep'
    """
    own, of = (np.asarray([float(value) for value in values]) for values in (kept, whole))
    if not of.mean() > 0:
        return unknown(f"{what}: there is nothing to keep")
    words = f"{what}: {own.mean() / of.mean():.2f} kept, ≥ {share:.2f} needed; above that by"
    return at_least(own - share * of, 0.0, words)


def every(judgements: Iterable[Judgement]) -> Judgement:
    """Join judgements that must all hold: one that disagrees decides, then one that cannot tell.

    Example:
        >>> every([at_least([1.0, 1.0, 1.0], 0.0), unknown("too little")]).verdict.value
        'cannot tell'
    """
    found = list(judgements)
    for verdict in (Verdict.DISAGREE, Verdict.UNKNOWN):
        if decisive := [judgement for judgement in found if judgement.verdict is verdict]:
            return Judgement(verdict, _joined(j.numbers for j in decisive), _joined(j.lack for j in decisive))
    if not found:
        return unknown("nothing was measured")
    return Judgement(Verdict.AGREE, _joined(judgement.numbers for judgement in found))


def unknown(lack: str) -> Judgement:
    """Return that numbers do not allow to tell, and what is missing."""
    return Judgement(Verdict.UNKNOWN, "", lack)


def decided(agrees: bool, numbers: str) -> Judgement:
    """Return a judgement of numbers whose own error is in the threshold."""
    return Judgement(Verdict.AGREE if agrees else Verdict.DISAGREE, numbers)


def measured(mean: float, half: float, threshold: float, numbers: str, *, sign: int) -> Judgement:
    """Judge a number with the half-width of its 95 % interval: on the right side of a threshold, wrong, or across.

    Args:
        mean: The number.
        half: Half of its interval; NaN where it has none.
        threshold: What is asked for.
        numbers: Both in words.
        sign: 1 where it should be at least the threshold, −1 where at most.

    Returns:
        The judgement.
    """
    if not abs(mean - threshold) >= half:
        return Judgement(Verdict.UNKNOWN, numbers, "the spread is larger than the difference")
    return decided(bool(sign * (mean - threshold) >= 0), numbers)


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _judged(values: Iterable[float], threshold: float, what: str, *, sign: int) -> Judgement:
    found = np.asarray([float(value) for value in values])
    wanted = f"{'≥' if sign > 0 else '≤'} {threshold:.3g} needed"
    label = f"{what} " if what else ""
    if len(found) == 0 or not np.isfinite(found).all():
        return unknown(f"{label}not measured, {wanted}")
    if len(found) < FEWEST:
        networks = "1 network" if len(found) == 1 else f"{len(found)} networks"
        listed = ", ".join(f"{value:.3g}" for value in found)
        return Judgement(Verdict.UNKNOWN, f"{label}{listed}, {wanted}", f"{networks}, {FEWEST} are needed")
    mean = float(found.mean())
    half = float(t.ppf(0.5 + LEVEL / 2, len(found) - 1)) * float(found.std(ddof=1)) / math.sqrt(len(found))
    return measured(mean, half, threshold, f"{label}{mean:.3g} ± {half:.3g}, {wanted}", sign=sign)
