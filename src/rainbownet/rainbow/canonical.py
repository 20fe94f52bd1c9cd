"""A rainbow whose reference is a sample of a seed: all that is known of it are statistics (theory, 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from rainbownet.checks import seed_of
from rainbownet.errors import RainbowError
from rainbownet.graph import Network, Population
from rainbownet.graph.network import Width
from rainbownet.laws import Block, FittedLaw, FittedSeeded, Recipe
from rainbownet.laws.precision import PRECISIONS, Precision, check_precision, rounded
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.rainbow.data import RainbowData, rows_of
from rainbownet.rainbow.file import size_of
from rainbownet.rainbow.moved import moved_block
from rainbownet.rainbow.neurons import scatter
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.ranks import PROBES, Directions, directions, ranks_in_bytes, ranks_of
from rainbownet.rainbow.seed_file import rounded_parameter, rounded_parameters
from rainbownet.rainbow.unaligned import draw_of, streams_of, unaligned_weights
from rainbownet.rainbow.widths import width_of
from rainbownet.walk import AlignmentImages

T = TypeVar("T", bound=RainbowData)

_DIGITS = 64
"""Bytes by which the header of a tensor or the sum of a law may be longer than of a law without directions."""


@dataclass
class Plan:
    """The law of a population, on its way into the channels of the sample.

    Attributes:
        old: The population of the reference.
        new: That of the sample.
        columns: By parameter, mean and factor in the reference's channels: a row for the mean, then one a direction.
        noise: By parameter, the deviation of its noise there.
        blocks: By parameter, its block in the reference and in the sample.
        recipe: How the sample is drawn.
        moved: By parameter, mean and factor in the sample's channels, rounded.
        moved_noise: By parameter, the deviation of the noise there.
    """

    old: Population
    new: Population
    columns: dict[str, Tensor]
    noise: dict[str, float]
    blocks: dict[str, tuple[Block, Block]]
    recipe: Recipe
    moved: dict[str, Tensor] = field(default_factory=dict)
    moved_noise: dict[str, float] = field(default_factory=dict)

    def law(self, precision: Precision) -> FittedSeeded:
        """Return the law in the sample's channels, once all blocks are moved."""
        rows = torch.cat([self.moved[name] for name in self.blocks], 1)
        noise = rows.new_tensor([self.moved_noise[name] for name in self.blocks])
        blocks = tuple(new for _, new in self.blocks.values())
        return FittedSeeded(blocks, rows[0], rows[1:], noise, self.recipe, precision)


def canonical(
    rainbow: T,
    images: AlignmentImages,
    *,
    preset: Preset | None = None,
    width: Width = 1.0,
    seed: int = 0,
    rank: int | float | Mapping[str, int | float] | None = None,
    most: int | None = None,
    precision: Precision = "float32",
    progress: Callable[[int, int], object] | None = None,
) -> T:
    """Return a rainbow whose reference is a sample; see `rainbownet.Rainbow.canonical`.

    Args:
        rainbow: The laws and their reference.
        images: The images to align on.
        preset: How to draw; as the rainbow says by default.
        width: A factor on the number of neurons, or one per module prefix.
        seed: Seed of the draws.
        rank: How many directions of the outputs laws keep.
        most: Bytes of a file at most, in place of a rank.
        precision: How many bits a number of the laws has.
        progress: Called with the stages done and their number.
    """
    chosen = rainbow.preset if preset is None else preset
    if chosen.draw == "identity":
        raise RainbowError("draw: 'identity' draws nothing, so that no seed can give it again; take another")
    if chosen.draw == "centred":
        raise RainbowError(
            "draw: 'centred' is not known in exact arithmetic, so that no seed gives it again; take another"
        )
    seed, precision = seed_of(seed), check_precision(precision)
    reference = rainbow.network.like(images.example)
    new = reference.resized(width_of(width))
    parts = {name: law.factor_and_noise() for name, law in rainbow.laws.items()}
    if rank is not None and most is not None:
        raise RainbowError("rank and bytes exclude each other; give one of them")
    if rank is not None or most is not None:
        images.check_passes(2, "a canonical rainbow of chosen ranks")
        found = directions(rainbow, reference, images, chosen.flatten)
        if most is None:
            ranks = ranks_of(found, rank)
        else:
            cost = _FileSize(rainbow, reference, new, found, chosen, seed, precision)
            ranks = ranks_in_bytes(rainbow, reference, found, cost, most, images.example[:PROBES])
        parts = {name: own.cut(ranks[name]) for name, own in found.items()}
    plans = _plans(rainbow.laws, parts, reference, new, chosen, seed)
    aligner = CanonicalAligner(reference, new, plans, chosen, precision, measure=not images.every)
    with aligner.batch_statistics():
        images.walk([reference, new], aligner, progress=progress)
    laws = {plan.new.name: plan.law(precision) for plan in plans.values()}
    provenance = _provenance(rainbow)
    return replace(rainbow, network=new, laws=laws, preset=chosen, provenance=provenance, alignment=aligner.table())


class CanonicalAligner(SampleAligner):
    """The visitor: as laws are aligned they are moved, rounded, and drawn from as a reader of the file will.

    So each layer is aligned to what the rounded layers before it compute.

    Args:
        reference: The reference network.
        new: The resized network, whose parameters are written on the way.
        plans: Laws by population of the reference.
        preset: Which alignment, and what it acts on at a flatten.
        precision: How many bits a number of the laws has.
        measure: Whether maps are measured on the images they were fitted to, none being held out.
    """

    def __init__(
        self,
        reference: Network,
        new: Network,
        plans: Mapping[str, Plan],
        preset: Preset,
        precision: Precision,
        *,
        measure: bool = False,
    ) -> None:
        self._plans, self._precision = plans, precision
        self._rounded = frozenset(rounded_parameters(new))
        empty = {
            name: torch.zeros(plan.recipe.count, sum(own.size for own, _ in plan.blocks.values()), dtype=torch.float64)
            for name, plan in plans.items()
        }
        blocks = {name: [own for own, _ in plan.blocks.values()] for name, plan in plans.items()}
        unaligned = unaligned_weights(empty, blocks, reference, new, preset)
        super().__init__(reference, new, unaligned, preset, measure=measure)

    def _place(self, name: str, maps: Tensor | None = None, scale: float = 1.0) -> None:
        value = self.unaligned[name]
        value = value.clone() if maps is None else self._read_through(name, value, maps)
        if name in self._rounded:
            value = rounded_parameter(value, self._precision)
        for plan in self._plans.values():
            if name in plan.blocks:
                scatter(plan.new, self._drawn(plan, name, maps, scale), [plan.blocks[name][1]], {name: value})
        self._write(name, value)

    def _drawn(self, plan: Plan, name: str, maps: Tensor | None, scale: float) -> Tensor:
        """Move the law of a block and return its columns of every neuron."""
        rows, (old, _) = plan.columns[name], plan.blocks[name]
        if maps is not None:
            rows = moved_block(rows, old, plan.old, self._readers[name], maps.to(rows.device), self.preset.flatten)
        rows = rounded(rows, [slice(None)], self._precision)
        noise = torch.tensor(plan.noise[name] * scale, dtype=torch.float32).item()
        plan.moved[name], plan.moved_noise[name] = rows, noise
        return plan.recipe.rows(list(plan.blocks).index(name), rows[0], rows[1:], noise)


class _FileSize:
    """The size of the file of a canonical rainbow for given ranks, known before it is aligned.

    Offsets in the header and sums of neurons have more or fewer digits: there is room for the most they may have.
    """

    def __init__(
        self,
        rainbow: RainbowData,
        reference: Network,
        new: Network,
        found: Mapping[str, Directions],
        preset: Preset,
        seed: int,
        precision: Precision,
    ) -> None:
        parts = {name: own.cut(0) for name, own in found.items()}
        plans = _plans(rainbow.laws, parts, reference, new, preset, seed)
        self.each, laws = {}, {}
        for name, plan in plans.items():
            sizes = [block.size for _, block in plan.blocks.values()]
            empty = torch.zeros(1, sum(sizes), dtype=torch.float64)
            own = {"values": empty.to(PRECISIONS[precision])} | (
                {"scales": torch.zeros(1, len(sizes))} if precision == "int8" else {}
            )
            self.each[name] = sum(part.numel() * part.element_size() for part in own.values())
            blocks = tuple(block for _, block in plan.blocks.values())
            noise = torch.ones(len(sizes), dtype=torch.float64)
            laws[plan.new.name] = FittedSeeded(blocks, empty[0], empty[1:], noise, plan.recipe, precision)
        bare = replace(rainbow, network=new, laws=laws, preset=preset, provenance=_provenance(rainbow))
        self.base = size_of(bare) + _DIGITS * (1 + len(laws))

    def __call__(self, ranks: Mapping[str, int]) -> int:
        return self.base + sum(ranks[name] * each for name, each in self.each.items())


def _provenance(rainbow: RainbowData) -> dict[str, Any]:
    return {key: value for key, value in rainbow.provenance.items() if key != "law_change"}


def _plans(
    laws: Mapping[str, FittedLaw],
    parts: Mapping[str, tuple[Tensor, Tensor, Tensor]],
    reference: Network,
    new: Network,
    preset: Preset,
    seed: int,
) -> dict[str, Plan]:
    theirs = {population.key: population for population in new.populations}
    blocks_of_new = {name: blocks for name, (_, blocks) in rows_of(new, new.parameters, preset).items()}
    plans = {}
    for old in reference.populations:
        if old.name not in laws:
            continue
        law, population = laws[old.name], theirs[old.key]
        mean, factor, noise = (part.double().cpu() for part in parts[old.name])
        stacked = torch.cat([mean[None], factor])
        names = [block.name for block in law.blocks]
        columns = dict(zip(names, stacked.split([block.size for block in law.blocks], dim=1), strict=True))
        streams = streams_of(law.blocks, old.writers, preset)
        draw = draw_of(law, old.name, reference, preset)
        draw = "antithetic" if draw == "centred" else draw  # the next best of which exact arithmetic is known
        recipe = Recipe(seed, population.name, len(population), draw, streams)
        pairs = zip(law.blocks, blocks_of_new[population.name], strict=True)
        blocks = dict(zip(names, pairs, strict=True))
        plans[old.name] = Plan(old, population, columns, dict(zip(names, noise.tolist(), strict=True)), blocks, recipe)
    return plans
