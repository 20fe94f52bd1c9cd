"""Noise ceilings: how similar a perfect model of the stimuli could be to responses that differ from trial to trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from rainbownet.similarities import measures as of
from rainbownet.similarities.rdms import dissimilarities, rank_correlations
from rainbownet.similarities.responses import Responses
from rainbownet.similarities.rows import Layer
from rainbownet.similarities.sums import Sums


def ceilings(
    recorded: Mapping[str, Responses],
    shapes: Sequence[Sequence[Layer]],
    measures: Sequence[str],
    *,
    centred: bool,
    rdm_stimuli: int,
) -> dict[tuple[str, int, int], float]:
    r"""Return the ceiling of each measure for each pair of layers of which one side has repeated trials.

    With `s` the explainable share of the variance of the mean response, a linear prediction of the responses explains
    at most `s` and a rotation reaches a cosine of at most :math:`\sqrt s`. The HSIC between halves of the trials, whose
    noise is independent, is that of the signal alone, so that CKA reaches its square root in units of the HSIC of the
    mean response with itself. RSA between halves is stepped up to all trials by the formula of Spearman and Brown,
    :math:`ρ = 2r/(1+r)`: no distances correlate better with those measured than :math:`\sqrt ρ`, and those without
    noise less, since noise also lifts distances. Where both sides are recorded, their ceilings multiply.

    Args:
        recorded: The recorded sides, `a`, `b` or both.
        shapes: Layers of both sides.
        measures: Those that are computed.
        centred: Whether they are centred.
        rdm_stimuli: Stimuli whose distances are compared.

    Returns:
        By measure and the numbers of two layers.
    """
    found: dict[tuple[str, int, int], float] = {}
    for name, own in recorded.items():
        for k, layer in enumerate(shapes["ab".index(name)]):
            for measure, value in _of_area(own, layer.name, measures, name, centred, rdm_stimuli).items():
                for other in range(len(shapes[1 - "ab".index(name)])):
                    key = (measure, k, other) if name == "a" else (measure, other, k)
                    if not math.isnan(value):
                        found[key] = value * found.get(key, 1.0)
    if "angular" in measures:
        for (measure, i, j), value in list(found.items()):
            if measure == "rotation":
                found["angular", i, j] = of.angular_distance(value)
    return {key: value for key, value in found.items() if key[0] != "rotation" or "rotation" in measures}


def _of_area(
    own: Responses, area: str, measures: Sequence[str], side: str, centred: bool, rdm_stimuli: int
) -> dict[str, float]:
    result: dict[str, float] = {}
    if own.trials[area].shape[1] < 2:
        return result
    if centred:
        share = own.explainable(area)
        if {"rotation", "angular"} & set(measures):
            result["rotation"] = math.sqrt(share) if share >= 0 else math.nan
        if "linear" in measures:
            result["linear" if side == "b" else "linear_reverse"] = share
    if "cka" in measures:
        mean = own.means[area]
        whole = _hsic(mean, mean, centred)
        signal = own.between_halves(area, lambda x, y: _hsic(x, y, centred))
        result["cka"] = math.sqrt(signal / whole) if whole > 0 else math.nan
    if "rsa" in measures:
        first = Responses({area: own.trials[area][:rdm_stimuli]})
        r = first.between_halves(area, _rsa)
        result["rsa"] = math.sqrt(2 * r / (1 + r))
    return result


def _hsic(x: Tensor, y: Tensor, centred: bool) -> float:
    return Sums([x.shape[1]], [y.shape[1]], centred=centred).update([x], [y]).hsic(0, 0)


def _rsa(x: Tensor, y: Tensor) -> float:
    value = float(rank_correlations([dissimilarities(x)], [dissimilarities(y)])[0, 0])
    return 0.0 if math.isnan(value) else value
