"""Ranks of laws: the directions that matter to what a layer computes, as many as a number, a share or a size allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_leaves

from rainbownet.aligned.basis import Flatten
from rainbownet.aligned.pairs import ActivationPairs, key_of
from rainbownet.errors import RainbowError
from rainbownet.graph import Network, Population
from rainbownet.graph.inputs import Batch, run
from rainbownet.laws import Block, block_slices
from rainbownet.laws.factor import check_rank, kept
from rainbownet.rainbow.data import RainbowData, realise
from rainbownet.rainbow.moved import moved_block
from rainbownet.walk import AlignmentImages

PROBES = 256
"""Images on which it is measured what a rank costs."""


@dataclass(frozen=True)
class Directions:
    """A law turned to the directions in which its neurons' outputs vary most.

    Attributes:
        blocks: Which columns are which parameter.
        mean: Mean `(D,)`.
        factor: Factor `(r, D)`, by decreasing energy of the outputs.
        noise: Deviation of the noise of each block.
        seen: Energies of the outputs `(r, B)`: of each direction, through each block.
        unit: Energy of the output of a noise of deviation 1, through each block.
    """

    blocks: tuple[Block, ...]
    mean: Float[Tensor, " D"]
    factor: Float[Tensor, "r D"]
    noise: Float[Tensor, " B"]
    seen: Float[Tensor, "r B"]
    unit: Float[Tensor, " B"]

    def cut(self, rank: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, the leading rows of the factor, and a noise that has the energy of the others."""
        lost = self.seen[rank:].sum(0) / self.unit.clamp(min=torch.finfo(self.unit.dtype).tiny)
        return self.mean, self.factor[:rank], (self.noise.square() + lost).sqrt()


def directions(
    rainbow: RainbowData, network: Network, images: AlignmentImages, flatten: Flatten
) -> dict[str, Directions]:
    r"""Turn laws to the directions of the outputs: principal axes of :math:`F \Sigma F^\top`.

    With :math:`\Sigma = E[z z^\top]` of what a layer reads, and :math:`F \Sigma^{1/2} = U S V^\top`, the factor
    :math:`U^\top F` has the same covariance, and its leading rows lose least of :math:`E\|w z\|^2`.

    Args:
        rainbow: The laws.
        network: The reference.
        images: The images that :math:`\Sigma` is measured on.
        flatten: What maps act on at a flatten.
    """
    readers = {reader.parameter: reader for reader in network.readers}
    pairs = ActivationPairs([network], list(readers.values()), flatten, own=True, right_self=False)
    images.walk([network], pairs)
    roots = {}
    for name, reader in readers.items():
        moments = pairs.pairs[key_of(reader), 0].unchecked[0]
        roots[name] = torch.stack([_root(moment.cross) for moment in moments]).cpu()
    found = {}
    for population in network.populations:
        if population.name in rainbow.laws:
            law = rainbow.laws[population.name]
            mean, factor, noise = (part.double().cpu() for part in law.factor_and_noise())
            parts, unit = [], []
            for block, columns in zip(law.blocks, block_slices(law.blocks), strict=True):
                parts.append(_outputs(factor[:, columns], block, population, readers, roots, flatten))
                own = roots.get(block.name)
                unit.append(block.size * (1.0 if own is None else own.abs().square().sum().item() / own.shape[1]))
            left, _, _ = torch.linalg.svd(torch.cat(parts, 1), full_matrices=False)
            seen = torch.stack([(left.T @ part).square().sum(1) for part in parts], 1)
            found[population.name] = Directions(
                law.blocks, mean, left.T @ factor, noise, seen, torch.tensor(unit, dtype=torch.float64)
            )
    return found


def _outputs(
    rows: Tensor, block: Block, population: Population, readers: Mapping, roots: Mapping[str, Tensor], flatten: Flatten
) -> Tensor:
    if block.name not in readers:
        return rows
    return moved_block(rows, block, population, readers[block.name], roots[block.name], flatten)


def _root(moment: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(moment)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.mH


def ranks_of(found: Mapping[str, Directions], rank: int | float | Mapping[str, int | float] | None) -> dict[str, int]:
    """Return the rank of each population: all, a number, or those that hold a share of the energy of the outputs.

    Args:
        found: Laws, turned.
        rank: One for all, or by population; those not named keep all.

    Raises:
        LawError: If a rank is neither a number of directions nor a share.
        RainbowError: If a name is that of no population.
    """
    if isinstance(rank, Mapping) and (odd := set(rank) - set(found)):
        raise RainbowError(f"rank: {sorted(odd)} are no drawn populations; there are {sorted(found)}")
    ranks = {}
    for name, own in found.items():
        asked = check_rank(rank.get(name) if isinstance(rank, Mapping) else rank)
        ranks[name] = kept(own.seen.sum(1, keepdim=True).sqrt(), asked, f"population {name!r}: its law")
    return ranks


def ranks_in_bytes(
    rainbow: RainbowData,
    network: Network,
    found: Mapping[str, Directions],
    cost: Callable[[Mapping[str, int]], int],
    most: int,
    inputs: Batch,
) -> dict[str, int]:
    """Return the ranks that cost least in outputs, of those whose file has at most so many bytes.

    For each population and a few ranks it is measured how far the outputs of the reference move when its neurons are
    cut to that rank. Errors of populations are taken to add up; ranks grow where most error goes for a byte.

    Args:
        rainbow: The laws.
        network: The reference.
        found: Laws, turned.
        cost: Bytes of a file with the given ranks.
        most: Bytes at most.
        inputs: Images to measure on.

    Raises:
        RainbowError: If the file is larger without any direction.
    """
    lists = {name: _grid(len(own.factor)) for name, own in found.items()}
    errors = {name: _errors(rainbow, network, name, own, lists[name], inputs) for name, own in found.items()}
    ranks = {name: own[0] for name, own in lists.items()}
    base = cost(ranks)
    if base > most:
        raise RainbowError(f"bytes: {most} are too few; the file has {base} with the least ranks")
    each = {name: (cost(ranks | {name: own[-1]}) - base) / max(own[-1] - own[0], 1) for name, own in lists.items()}
    steps = sorted(
        (step for name, own in lists.items() for step in _steps(name, own, errors[name], each[name])), reverse=True
    )
    full: set[str] = set()
    for _, name, rank in steps:
        if name not in full and cost(ranks | {name: rank}) <= most:
            ranks[name] = rank
        else:
            full.add(name)
    return _filled(ranks, lists, cost, most, [name for _, name, _ in steps])


def _filled(
    ranks: dict[str, int], lists: Mapping[str, Sequence[int]], cost: Callable[..., int], most: int, order: Sequence[str]
) -> dict[str, int]:
    """Spend what is left on single directions."""
    for name in dict.fromkeys(order):
        while ranks[name] < lists[name][-1] and cost(ranks | {name: ranks[name] + 1}) <= most:
            ranks = ranks | {name: ranks[name] + 1}
    return ranks


def _steps(name: str, ranks: Sequence[int], errors: Sequence[float], each: float) -> list[tuple[float, str, int]]:
    """Return the corners of the lower hull of error against bytes: how steep each step is, and where it ends."""
    hull = [0]
    while hull[-1] < len(ranks) - 1:
        last = hull[-1]
        slopes = {
            k: (errors[last] - errors[k]) / ((ranks[k] - ranks[last]) * each) for k in range(last + 1, len(ranks))
        }
        hull.append(max(slopes, key=lambda k: (slopes[k], -k)))
    return [((errors[a] - errors[b]) / ((ranks[b] - ranks[a]) * each), name, ranks[b]) for a, b in pairwise(hull)]


def _grid(most: int) -> list[int]:
    """Return 0, where a law is noise about its mean, and ranks from 1 on in steps of about one half."""
    if most == 0:
        return [0]
    ranks = {min(most, round(1.5**k)) for k in range(math.ceil(math.log(max(most, 2), 1.5)) + 1)}
    return sorted(ranks | {0, most})


def _errors(
    rainbow: RainbowData, network: Network, name: str, own: Directions, ranks: Sequence[int], inputs: Batch
) -> list[float]:
    """Return the squared relative change of the outputs for each rank of one population."""
    if len(own.factor) == 0:
        return [0.0] * len(ranks)
    rows = dict(rainbow.rows())
    whole, blocks = rows[name]
    coordinates = torch.linalg.lstsq(own.factor.T, (whole.cpu().double() - own.mean).T, driver="gelsd").solution.T
    like = network.like(network.example)
    with torch.no_grad():
        expected = _leaves(network, inputs)
        energy = sum(part.abs().double().square().sum().item() for part in expected)
        errors = []
        for rank in ranks:
            lost = coordinates[:, rank:] @ own.factor[rank:]
            realise(like, {name: (whole - lost.to(whole), blocks)}, rainbow.preset)
            moved = zip(_leaves(like, inputs), expected, strict=True)
            gone = sum((a - b).abs().double().square().sum().item() for a, b in moved)
            errors.append(gone / max(energy, torch.finfo(torch.float64).tiny))
    return errors


def _leaves(network: Network, inputs: Batch) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(run(network.root, inputs)) if isinstance(leaf, Tensor)]
