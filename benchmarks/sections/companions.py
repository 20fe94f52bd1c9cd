"""What stands beside an accuracy of samples: controls, baselines, qualities, or that they were not measured."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

NOT_MEASURED = "not measured"

FEW_ROWS = 10.0
"""Rows per channel below which an alignment starves: the library's own default is not below."""

SURE = 2.0
"""Standard errors by which two accuracies must differ."""


def over_seeds(values: Sequence[float], digits: int = 1) -> str:
    """Return a mean, the sample standard deviation over seeds and their number, or that nothing was measured.

    Args:
        values: One for each seed.
        digits: Digits after the point.

    Example:
        >>> over_seeds([1.0, 2.0, 3.0]), over_seeds([1.0]), over_seeds([])
        ('2.0 ± 1.0 (3)', '1.0 (1)', 'not measured')
    """
    if not values:
        return NOT_MEASURED
    wide = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{wide} ({len(values)})"


def companions(measured: Mapping[str, str | None]) -> str:
    """Return a sentence on what stands beside samples.

    Args:
        measured: Each companion with where it is or its value; None where it was not measured.

    Example:
        >>> companions({"white control": "in the table", "copy score": None})
        'Beside the samples: white control in the table; copy score not measured.'
    """
    listed = "; ".join(f"{name} {NOT_MEASURED if found is None else found}" for name, found in measured.items())
    return f"Beside the samples: {listed}."


def rows_per_channel(values: Iterable[float | None]) -> str | None:
    """Return the least number of rows an alignment had for each channel, with a warning where it starves.

    Example:
        >>> rows_per_channel([23.0, 31.0]), rows_per_channel([None])
        ('23 at least', None)
        >>> rows_per_channel([4.0])
        '4 at least (**few**: below 10 alignments starve)'
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    least = min(known)
    return f"{least:.3g} at least" + (f" (**few**: below {FEW_ROWS:g} alignments starve)" if least < FEW_ROWS else "")


def does_nothing(name: str, law: Sequence[float], control: Sequence[float], images: int) -> str:
    """Return what was drawn with both accuracies if the law does nothing measurable, else nothing.

    It does something where the mean is above the control's by two standard errors. Their squares are summed from the
    number of test images, as if each had its own, and from the seeds where there are several.

    Args:
        name: What was drawn, in words.
        law: Accuracies of its samples, in %.
        control: Those of its white control.
        images: Test images.

    Example:
        >>> does_nothing("×1", [40.0], [40.0], 1000)
        '×1 (40.0 against 40.0 %)'
        >>> does_nothing("×1", [40.0], [30.0], 1000), does_nothing("×1", [40.0], [], 1000)
        ('', '')
    """
    if not law or not control:
        return ""
    ours, theirs = statistics.mean(law), statistics.mean(control)
    error = math.sqrt(sum(_variance(values, images) for values in (law, control)))
    return "" if ours - theirs >= SURE * error else f"{name} ({ours:.1f} against {theirs:.1f} %)"


def said_of_controls(found: Iterable[str]) -> list[str]:
    """Return a paragraph on what `does_nothing` found, none if there is nothing.

    Example:
        >>> said_of_controls(["", "×1 (40.0 against 40.0 %)"])
        ['**By its white control the law does nothing measurable in:** ×1 (40.0 against 40.0 %).']
    """
    named = "; ".join(filter(None, found))
    return [f"**By its white control the law does nothing measurable in:** {named}."] if named else []


def _variance(values: Sequence[float], images: int) -> float:
    """Return the variance of a mean accuracy in %."""
    share = min(max(statistics.mean(values) / 100, 1 / images), 1 - 1 / images)
    over_images = 100**2 * share * (1 - share) / images
    over_draws = statistics.variance(values) / len(values) if len(values) > 1 else 0.0
    return over_images + over_draws
