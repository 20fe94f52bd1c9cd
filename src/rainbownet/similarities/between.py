"""The comparison of all layers with all layers: one pass over the stimuli, sums within a budget, then the table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

from rainbownet.checks import whole
from rainbownet.errors import DataError, RainbowError
from rainbownet.processes import distributed
from rainbownet.similarities.ceilings import ceilings
from rainbownet.similarities.passes import Patterns, read, split_passes
from rainbownet.similarities.read_off import MOMENT_MEASURES, Reader, expanded
from rainbownet.similarities.responses import Responses, responses
from rainbownet.similarities.result import Similarity
from rainbownet.similarities.rows import Positions, Rows, groups_of, layers_of
from rainbownet.similarities.sides import Inputs, ResponseSide, Side, side_of
from rainbownet.similarities.sums import Pair
from rainbownet.walk import AlignmentImages
from rainbownet.walk.batches import ImageSet

MEASURES = (*MOMENT_MEASURES, "rsa")
"""What can be measured between two layers."""


def similarity(
    a: nn.Module | Callable[[Any], Any] | Any,
    b: nn.Module | Callable[[Any], Any] | Any,
    loader: Any = None,
    *,
    layers_a: Sequence[str] | None = None,
    layers_b: Sequence[str] | None = None,
    measures: Sequence[str] | str = ("rotation", "cka", "linear", "rsa"),
    center: bool = True,
    positions: Positions = "auto",
    inputs_a: Inputs | None = None,
    inputs_b: Inputs | None = None,
    inputs: Callable[[Any], Any] | str | None = None,
    most_channels: int = 2048,
    rdm_stimuli: int = 500,
    maps: bool = False,
    max_images: int | None = None,
    holdout: float = 0.1,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Similarity:
    r"""Compare every layer of one side with every layer of another: any two modules, functions or recordings.

    Activations are read by hooks and never kept: second moments are summed in float64, those of all pairs of layers in
    one pass. Measures (`value`, and `held_value` on stimuli that nothing was fitted to):

    - `"rotation"`: cosine after the best rotation, :math:`\|S_{xy}\|_1/\sqrt{\mathrm{tr} S_{xx} \mathrm{tr} S_{yy}}`
      (R6, R7), the held-out value under the rotation found on the others; `"angular"` is its arc cosine.
    - `"cka"`: debiased linear CKA (Kornblith et al., 2019; Song et al., 2012), about 0 for unrelated layers however
      few the stimuli; `"cka_biased"`: the usual one.
    - `"linear"`: share of the energy of `b` that a ridge regression from `a` explains by leave-one-out (the ridge is
      chosen by it), and held out; `"linear_reverse"` comes with it, from `b` to `a`.
    - `"rsa"`: Spearman's correlation of the correlation distances between stimuli (Kriegeskorte et al., 2008), on the
      first `rdm_stimuli`; not under several processes, over which the other measures' sums are summed.
    - `"cca"`: mean canonical correlation; `"pwcca"`: projection-weighted, by `a` (Morcos et al., 2018).

    Args:
        a: A module, a function from inputs to a tensor or to tensors by name, or responses to the stimuli: an array
            `(stimuli, features)` or `(stimuli, trials, features)`, a mapping of such by area, a data frame, or the path
            of a `.npy`, `.npz`, `.safetensors`, `.csv` or `.parquet` file.
        b: The other side.
        loader: Yields inputs or (inputs, targets), in the order of the responses; none when both sides are responses.
        layers_a: Names or patterns (`"layer?.*"`) of submodules, areas or names; by default every module with a
            weight matrix or kernel of its own, every area, every name.
        layers_b: The same for `b`.
        measures: Which measures.
        center: Whether means are subtracted. Uncentred, early layers of any two networks look alike.
        positions: `"auto"`: positions of maps are rows where the grids of two layers agree, and averaged where not;
            `"pool"`: always averaged; `"project"`: where grids differ, all numbers are projected at random.
        inputs_a: Turns a batch of the loader's inputs into those of `a`: its own normalisation or size, keyword
            arguments as a dictionary.
        inputs_b: The same for `b`.
        inputs: Where the inputs are in what the loader yields, a key or a function.
        most_channels: Layers with more channels are projected onto so many random directions.
        rdm_stimuli: Stimuli whose distances are compared; fewer where their patterns exceed the budget.
        maps: Whether to keep moments, so that `rotation` and `linear_map` of the result work.
        max_images: Stimuli to read; all the loader yields by default.
        holdout: Share of the stimuli that nothing is fitted to, at most one half.
        budget: Bytes of sums and of patterns held, a number or `"2GiB"`; what exceeds them takes further passes over
            the loader. 4 GiB by default.
        device: Where to put inputs; modules run where they are, and sums are kept with the first activations.
        progress: Called with the stimuli read in a pass and how many there may be.

    Returns:
        The similarities.

    Raises:
        ArchitectureError: If a layer is not found or never called.
        DataError: If the loader is empty, a side cannot take its inputs, or responses do not match the stimuli.
        AlignmentError: If activations are not finite, naming the layer.
        RainbowError: If an option has no meaning, or the budget is too small for one pair of layers.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> found = similarity(net, net, [torch.randn(256, 4, generator=generator)], measures=["rotation", "cka"])
        >>> found
        Similarity(2 × 2 layers, rotation, cka, 256 stimuli)
        >>> found.matrix("cka").round(3).loc["0", "0"].item()
        1.0
        >>> found.best("rotation")["layer_b"].tolist()
        ['0', '2']
    """
    chosen = _measures(measures)
    if "rsa" in chosen and distributed() and dist.get_world_size() > 1:
        raise RainbowError(
            "measures: 'rsa' needs the patterns of all stimuli, and each of several processes has its own; leave it out"
        )
    for name, number in (("most_channels", most_channels), ("rdm_stimuli", rdm_stimuli)):
        whole(name, number, least=4)
    recorded: dict[str, Responses] = {}
    sides: list[Side] = []
    for name, value, layers, own in (("a", a, layers_a, inputs_a), ("b", b, layers_b, inputs_b)):
        side = side_of(value, layers, own, name)
        if side is None:
            recorded[name] = responses(value, name)
            side = ResponseSide(recorded[name].means, layers, name)
        sides.append(side)
    images = AlignmentImages(
        _in_order(loader, recorded, sides),
        max_images=max_images,
        holdout=holdout,
        budget=budget,
        device=device,
        inputs=inputs,
    )
    shapes = [layers_of(side.activations(images.example, torch.arange(len(images.example)))) for side in sides]
    rows = Rows(shapes[0], shapes[1], most_channels)
    groups, owner = groups_of(shapes[0], shapes[1], positions)
    patterns = Patterns(rows, rdm_stimuli, images.budget) if "rsa" in chosen else None
    parts = split_passes(groups, rows, images.budget, twice=images.every > 0) if set(chosen) - {"rsa"} else [[]]
    images.check_passes(len(parts), "moments beyond the budget (raise budget=, or choose fewer layers)")
    values: dict[tuple[int, int], list[dict[str, Any]]] = {pair: [] for pair in owner}
    moments: dict[tuple[str, str], Pair] = {}
    for number, group_parts in enumerate(parts):
        sums = read(sides, images, group_parts, rows, patterns if number == 0 else None, center, progress)
        for part, (fitted, held) in zip(group_parts, sums, strict=True):
            reader = Reader(fitted, held, centred=center)
            for p, i in enumerate(part.a):
                for q, j in enumerate(part.b):
                    if owner[i, j] == part.group:
                        values[i, j] += reader.rows(p, q, chosen)
                        if maps:
                            moments[shapes[0][i].name, shapes[1][j].name] = fitted.pair(p, q)
    if patterns is not None:
        for pair, value in patterns.correlations().items():
            counts = {"rows": patterns.count, "held_rows": 0}
            values[pair].append({"measure": "rsa", "value": value, "held_value": math.nan} | counts)
    best = ceilings(recorded, shapes, chosen, centred=center, rdm_stimuli=rdm_stimuli)
    table = [
        {"layer_a": shapes[0][i].name, "layer_b": shapes[1][j].name}
        | row
        | {
            "positions": "patterns" if row["measure"] == "rsa" else rows.described(i, j, groups[owner[i, j]].how),
            "ceiling": best.get((row["measure"], i, j), math.nan),
        }
        for (i, j), found in values.items()
        for row in sorted(found, key=lambda row: expanded(chosen).index(row["measure"]))
    ]
    names = [[layer.name for layer in side] for side in shapes]
    return Similarity(pd.DataFrame(table), names[0], names[1], images.images, center, moments)


def _measures(measures: Sequence[str] | str) -> list[str]:
    chosen = [measures] if isinstance(measures, str) else list(dict.fromkeys(measures))
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown or not chosen:
        raise RainbowError(f"measures: {unknown or 'none given'}; there are {', '.join(MEASURES)}")
    return chosen


def _in_order(loader: Any, recorded: Mapping[str, Responses], sides: Sequence[Side]) -> Any:
    """Return a loader whose stimuli come in the order of the responses, where there are any."""
    if not recorded:
        if loader is None:
            raise DataError("loader: none given; it may be left out only where both sides are recorded responses")
        return loader
    counts = {name: len(next(iter(found.trials.values()))) for name, found in recorded.items()}
    if len(set(counts.values())) > 1:
        raise DataError(f"a, b: responses to the same stimuli have as many rows each; got {counts}")
    count = next(iter(counts.values()))
    if loader is None:
        if len(recorded) < len(sides):
            raise DataError("loader: none given; it may be left out only where both sides are recorded responses")
        return torch.arange(1.0, count + 1)[:, None].split(256)
    if isinstance(loader, DataLoader) and isinstance(loader.sampler, RandomSampler):
        raise DataError("loader: it shuffles, but responses have the order of the stimuli; give shuffle=False")
    if isinstance(loader, Dataset):
        return DataLoader(loader, batch_size=256)
    if isinstance(loader, ImageSet):
        return loader.normalise(loader.inputs).split(256)
    return loader
