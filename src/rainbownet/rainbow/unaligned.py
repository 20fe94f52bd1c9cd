"""Unaligned weights: drawn parameters that still read the reference's channels, before the walk rotates them."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from rainbownet.checks import words_of
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network
from rainbownet.laws import Block, FittedLaw, block_slices
from rainbownet.rainbow.neurons import gather, parameters_of, scatter
from rainbownet.rainbow.presets import Preset


def kept_populations(network: Network, layers: str | Sequence[str] | None, until: str | None = None) -> frozenset[str]:
    """Return the names of the populations that keep their trained neurons.

    Args:
        network: The reference.
        layers: Module prefixes of what is drawn; nothing draws everything.
        until: Module prefix of the last layer that is drawn, in order of execution, instead of `layers`.

    Raises:
        ArchitectureError: If a prefix matches no population that can be drawn, or both are given.
    """
    if layers is None and until is None:
        return frozenset()
    drawable = [population for population in network.populations if not population.frozen]
    if until is not None:
        if layers is not None:
            raise ArchitectureError("layers and until exclude each other; give one of them")
        last = [k for k, population in enumerate(drawable) if population.starts_in(until)]
        if not last:
            raise ArchitectureError(f"until: {until!r} matches no drawn layer; there are {[p.name for p in drawable]}")
        return frozenset(p.name for p in drawable[last[-1] + 1 :])
    chosen = set()
    for prefix in [layers] if isinstance(layers, str) else words_of("layers", layers, error=ArchitectureError):
        found = {p.name for p in drawable if p.starts_in(prefix)}
        if not found:
            raise ArchitectureError(
                f"layers: {prefix!r} matches no drawn layer; the populations are {[p.name for p in drawable]}"
            )
        chosen |= found
    return frozenset(p.name for p in drawable if p.name not in chosen)


def draw_rows(
    laws: Mapping[str, FittedLaw], reference: Network, new: Network, kept: frozenset[str], preset: Preset, seed: int
) -> dict[str, Tensor]:
    """Draw the neurons of every population of a new network.

    Args:
        laws: Fitted laws by population of the reference.
        reference: The reference network.
        new: The resized network.
        kept: Populations that keep their trained neurons.
        preset: How to draw.
        seed: Seed of all draws; each population has a stream of its own.

    Returns:
        Rows by the name of the population in the reference.
    """
    mine = {population.key: population for population in reference.populations}
    rows = {}
    for population in new.populations:
        old = mine[population.key]
        if old.name in laws and old.name not in kept:
            draw = draw_of(laws[old.name], old.name, reference, preset)
            rows[old.name] = _draw(laws[old.name], len(population), draw, preset, seed, old.name, old.writers)
    return rows


def draw_of(law: FittedLaw, population: str, reference: Network, preset: Preset) -> str:
    """Return how a population is drawn, `"auto"` being what suits it.

    Sums over neurons are exact for orthogonal draws, their means and variances for centred ones. Else pairs `m ± g` win
    where rows come with an offset; without one each pair spends a neuron on what it knows.

    Args:
        law: Its law.
        population: Its name in the reference.
        reference: The reference network.
        preset: How to draw.
    """
    if preset.draw != "auto":
        return preset.draw
    if population in reference.summed:
        return "orthogonal"
    if population in reference.normed:
        return "centred"
    return "antithetic" if any(block.size == 1 for block in law.blocks) else "orthogonal"


def streams_of(blocks: Sequence[Block], writers: Sequence[str], preset: Preset) -> tuple[str, ...]:
    """Return the stream that the coefficients of each block come from: one, or one a layer where they are drawn apart.

    Args:
        blocks: What neurons are made of.
        writers: The parameters that write them.
        preset: Says whether layers are drawn together.
    """
    if preset.tie == "joint":
        return ("",) * len(blocks)
    ends = _layers(blocks, writers)
    starts = [columns.start for columns in block_slices(blocks)]
    return tuple(next(name for name, (low, high) in ends.items() if low <= start < high) for start in starts)


def unaligned_weights(
    rows: Mapping[str, Tensor],
    blocks: Mapping[str, Sequence[Block]],
    reference: Network,
    new: Network,
    preset: Preset,
) -> dict[str, Tensor]:
    """Turn rows into parameters that read the reference's channels.

    Args:
        rows: The neurons of each population that does not keep the trained ones.
        blocks: What their columns are.
        reference: The reference network.
        new: The resized network.
        preset: Says whether norms are folded; with `draw="identity"` the statistics of norms are kept too.

    Returns:
        For every parameter and buffer of the new network a tensor of its shape, but for the axis that reads, which has
        the reference's size.
    """
    parameters = parameters_of(reference, fold=preset.norms == "folded")
    unaligned = _empty(reference, new, parameters.values)
    for name, value in parameters.fixed.items():
        unaligned[name].fill_(value)
    mine = {population.key: population for population in reference.populations}
    for population in new.populations:
        old = mine[population.key]
        own = [name for name in old.slots if name not in parameters.fixed]
        if old.name in rows:
            scatter(population, rows[old.name], blocks[old.name], unaligned)
            own = [name for name in own if reference.is_statistic(name) and preset.draw == "identity"]
        if own:
            scatter(population, *gather(old, parameters.values, own), unaligned)
    return unaligned


def _empty(reference: Network, new: Network, values: dict[str, Tensor]) -> dict[str, Tensor]:
    reads = {reader.parameter: reader.axis for reader in reference.readers}
    owned = {name for population in new.populations for name in population.slots}
    unaligned = {}
    for name, value in new.parameters.items():
        if name not in owned:
            unaligned[name] = (value if name in new.derived else values[name]).clone()
            continue
        shape = list(value.shape)
        if name in reads:
            shape[reads[name]] = values[name].shape[reads[name]]
        fill = 1.0 if name.endswith("running_var") else 0.0
        unaligned[name] = torch.full(shape, fill, dtype=value.dtype, device=value.device)
    return unaligned


def _draw(law: FittedLaw, n: int, draw: str, preset: Preset, seed: int, name: str, writers: Sequence[str]) -> Tensor:
    if preset.tie == "joint" or draw == "identity":
        return law.draw(n, draw=draw, generator=stream(seed, name))
    columns = []
    for group, (start, stop) in _layers(law.blocks, writers).items():
        drawn = law.draw(n, draw=draw, generator=stream(seed, name, group))
        columns.append(drawn[:, start:stop])
    return torch.cat(columns, dim=1)


def _layers(blocks: Sequence[Block], writers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the columns of each layer that writes: its weight and what follows it (bias, norm, slopes)."""
    bounds: dict[str, tuple[int, int]] = {}
    current, start = blocks[0].name, 0
    for block in blocks:
        if block.name in writers:
            current = block.name if start or block is blocks[0] else current
        low = bounds.get(current, (start, start))[0]
        bounds[current] = (low, start + block.size)
        start += block.size
    return bounds


def stream(seed: int, *names: str) -> torch.Generator:
    """Return a generator of its own for a seed and a name, so that draws do not depend on their order."""
    entropy = [seed, *(zlib.crc32(name.encode()) for name in names)]
    state = np.random.SeedSequence(entropy).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
