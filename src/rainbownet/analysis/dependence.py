"""Dependence between neurons: are they drawn one by one, or do they know of each other?"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Inexact, Int
from torch import Tensor
from torch.nn.functional import normalize

from rainbownet.analysis.bulk import check_rows, whitened_rows
from rainbownet.errors import RainbowError
from rainbownet.laws.factor import thin_factor

Shuffle = Literal["deal", "columns", "whiten"]

STATISTICS = ("mean cosine", "mean squared cosine", "nearest |cosine|")


def neuron_dependence(
    rows: Float[Tensor, "n D"],
    networks: Int[Tensor, " n"] | None = None,
    factor: Float[Tensor, "r _D"] | None = None,
    *,
    shuffles: int = 99,
    max_neurons: int = 512,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Test whether neurons of one network are independent, against shuffles.

    Neurons that attract, repel or copy each other show in the cosines of their whitened weights. With `networks`,
    neurons are dealt to networks anew: an exact test, for independent neurons of one law do not know their network.
    Without, the coordinates of each direction are dealt to neurons anew: neurons alike in many directions at once,
    such as copies, become unlike.

    Args:
        rows: Rows of weights, aligned where they come from several networks.
        networks: Number of the network of each row, two networks at least.
        factor: Factor of the covariance that whitens; the rows' own by default, and then shuffled coordinates are
            whitened again. One network's rows tell nothing of their dependence unless they outnumber its directions:
            whitened by themselves, they are orthogonal.
        shuffles: How many; the smallest p-value is 2 / (shuffles + 1).
        max_neurons: Neurons of each network whose cosines are taken, drawn at random where there are more. Time grows
            as `max_neurons`² · directions · `shuffles` for each network.
        seed: Seed of neurons and shuffles.

    Returns:
        A row per statistic, each over pairs of neurons of one network: mean cosine (positive: they attract), mean
        squared cosine (left out where one network is whitened by itself, which fixes it), mean of each neuron's
        largest |cosine| (near copies and opposites). Columns: `statistic`, `value`, `shuffled` and `deviation` (mean
        and standard deviation over shuffles), `z` and `p` (two-sided).

    Raises:
        RainbowError: If there are fewer than 8 rows, fewer than two networks or two neurons in one, no shuffles, or
            rows do not outnumber their directions and no factor is given.

    Example:
        >>> rows = torch.randn(60, 20, generator=torch.Generator().manual_seed(0))
        >>> copies = torch.cat([rows[:30], rows[:30] + 0.1 * rows[30:]])
        >>> [bool(neuron_dependence(r, factor=torch.eye(20)).p.min() < 0.05) for r in (rows, copies)]
        [False, True]
    """
    values = check_rows(rows)
    if len(values) < 8:
        raise RainbowError(f"rows: {len(values)} are too few to compare neurons; 8 are the least")
    if shuffles < 1:
        raise RainbowError(f"shuffles: at least 1 is needed, got {shuffles}")
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(len(values), dtype=torch.long) if networks is None else networks.long().cpu()
    groups = _groups(labels, len(values), max_neurons, generator, several=networks is not None)
    values = values.cpu()
    white = thin_factor(values)[0] if factor is None else whitened_rows(values, factor.cpu())
    if factor is None and len(white) <= white.shape[1]:
        raise RainbowError(
            f"rows: {len(white)} span {white.shape[1]} directions and are orthogonal once whitened by themselves; give "
            "more rows, those of further networks, or the factor of a covariance estimated from more"
        )
    unit = normalize(white, dim=1)
    if networks is not None:
        kept = torch.cat(groups)
        unit, parts = unit[kept], list(torch.arange(len(kept)).split([len(group) for group in groups]))
        how: Shuffle = "deal"
    else:
        parts, how = groups, "columns" if factor is not None else "whiten"
        unit = _white(unit) if how == "whiten" else unit
    measured = _statistics(unit, parts)
    shuffled = np.stack([_statistics(_shuffled(unit, how, generator), parts) for _ in range(shuffles)])
    table = [_row(name, measured[k], shuffled[:, k]) for k, name in enumerate(STATISTICS)]
    return pd.DataFrame([row for row in table if how != "whiten" or row["statistic"] != "mean squared cosine"])


def dependence_within(rows: Sequence[Inexact[Tensor, "_n D"]]) -> Float[Tensor, " m"]:
    r"""Return how much more alike the neurons of each network are than neurons of different networks.

    With the weights whitened by the second moment of all it is the mean squared cosine of two neurons of a network over
    that of a neuron of it and one of another, minus one: 0 on average for neurons drawn one by one from one law, and
    large where a network's neurons share a rotation of their own.

    Args:
        rows: The rows of one layer of each network, more in all than columns.

    Returns:
        The excess of each network.

    Raises:
        RainbowError: If there are fewer than two networks or two neurons in one, or rows do not outnumber columns.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> rows = [torch.randn(40, 8, generator=generator) * torch.arange(1.0, 9.0).roll(k) for k in (0, 4)]
        >>> bool(dependence_within(rows).min() > 0.05)
        True
    """
    sizes = [len(own) for own in rows]
    if len(rows) < 2 or min(sizes) < 2:
        raise RainbowError(f"rows: two networks of two neurons each are needed; got networks of {sizes} neurons")
    stacked = torch.cat(list(rows))
    if len(stacked) <= stacked.shape[1]:
        raise RainbowError(
            f"rows: {len(stacked)} of {stacked.shape[1]} columns are orthogonal once whitened; give more"
        )
    unit = normalize(thin_factor(stacked)[0], dim=1)
    excess = []
    for own, size in zip(unit.split(sizes), sizes, strict=True):
        squares = (own @ unit.mH).abs().square().sum()
        inside = (own @ own.mH).abs().square().sum()
        within, across = (inside - size) / (size * (size - 1)), (squares - inside) / (size * (len(unit) - size))
        excess.append(within / across - 1)
    return torch.stack(excess)


def dependence_across(
    rows: Sequence[Inexact[Tensor, "_n D"]], moments: Sequence[Inexact[Tensor, "D D"]]
) -> Float[Tensor, " m"]:
    r"""Return how much more of the activations of its own earlier layers a layer reads than of other networks'.

    It is :math:`\mathrm{tr}\, W_m Σ_m W_m^H` over its mean with the weights of other networks, minus one: 0 on average
    for weights drawn independently of the layers before, and large where they have their own basis in common.

    Args:
        rows: The weights of one layer of each network.
        moments: The second moment of what that layer reads, of each network, in the same channels.

    Returns:
        The excess of each network.

    Raises:
        RainbowError: If there are fewer than two networks, or not a moment for each.

    Example:
        >>> one, two = torch.diag(torch.tensor([2.0, 1.0])), torch.diag(torch.tensor([1.0, 2.0]))
        >>> dependence_across([one, two], [one, two])
        tensor([0.5000, 0.5000])
    """
    if len(rows) < 2 or len(rows) != len(moments):
        raise RainbowError(f"rows: two networks at least, with a moment for each; got {len(rows)} and {len(moments)}")
    energies = torch.stack(
        [torch.stack([((own @ moment) * own.conj()).real.sum() for moment in moments]) for own in rows]
    )
    own = energies.diagonal()
    return own / ((energies.sum(0) - own) / (len(rows) - 1)) - 1


def _groups(labels: Tensor, count: int, most: int, generator: torch.Generator, *, several: bool) -> list[Tensor]:
    """Return the indices of the neurons of each network that are compared."""
    if len(labels) != count:
        raise RainbowError(f"networks: {len(labels)} numbers for {count} rows; one for each is needed")
    if most < 2:
        raise RainbowError(f"max_neurons: at least 2 are needed, got {most}")
    names = labels.unique()
    if several and len(names) < 2:
        raise RainbowError("networks: all rows are of one network; leave it out to shuffle coordinates instead")
    groups = []
    for name in names:
        members = (labels == name).nonzero()[:, 0]
        if len(members) < 2:
            raise RainbowError(f"networks: number {int(name)} has one neuron; two at least make a pair")
        groups.append(members[torch.randperm(len(members), generator=generator)[:most]])
    return groups


def _shuffled(unit: Tensor, how: Shuffle, generator: torch.Generator) -> Tensor:
    if how == "deal":
        return unit[torch.randperm(len(unit), generator=generator)]
    order = torch.rand(unit.shape, generator=generator).argsort(0)
    dealt = unit.gather(0, order)
    return _white(dealt) if how == "whiten" else normalize(dealt, dim=1)


def _white(unit: Tensor) -> Tensor:
    """Return rows whitened by their own covariance, up to a rotation that cosines do not see, at unit norm."""
    triangle = torch.linalg.cholesky(unit.T @ unit)
    return normalize(torch.linalg.solve_triangular(triangle, unit.T, upper=False).T, dim=1)


def _statistics(unit: Tensor, parts: list[Tensor]) -> np.ndarray:
    """Return mean cosine, mean squared cosine and mean largest |cosine| of pairs within parts."""
    first = second = nearest = 0.0
    pairs = neurons = 0
    for part in parts:
        cosines = unit[part] @ unit[part].T
        cosines.fill_diagonal_(0)
        first += cosines.sum().item()
        second += cosines.square().sum().item()
        nearest += cosines.abs().amax(1).sum().item()
        pairs += len(part) * (len(part) - 1)
        neurons += len(part)
    return np.array([first / pairs, second / pairs, nearest / neurons])


def _row(name: str, value: float, shuffled: np.ndarray) -> dict[str, str | float]:
    above, below = ((1 + int((sign * shuffled >= sign * value).sum())) / (1 + len(shuffled)) for sign in (1, -1))
    deviation = float(shuffled.std())
    return {
        "statistic": name,
        "value": float(value),
        "shuffled": float(shuffled.mean()),
        "deviation": deviation,
        "z": float((value - shuffled.mean()) / deviation) if deviation > 0 else float("nan"),
        "p": min(1.0, 2 * min(above, below)),
    }
