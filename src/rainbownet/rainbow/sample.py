"""Sampling: a new network drawn layer by layer, each layer rotated into what the layers before it became (R12–R15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.errors import RainbowError
from rainbownet.graph import Network
from rainbownet.graph.network import Width
from rainbownet.laws import CopyScore, copy_score
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.rainbow.classifier import Classifier, Features, retrain
from rainbownet.rainbow.drafts import draft, draw_rows, kept_populations
from rainbownet.rainbow.presets import Preset
from rainbownet.walk import ImageChunks, WalkReport, first_inputs, walk
from rainbownet.walk.plan import chunk_size, default_budget, default_images

if TYPE_CHECKING:
    from rainbownet.rainbow.model import Rainbow


@dataclass(frozen=True)
class Sample:
    """A sampled network and what is known of it.

    Attributes:
        network: The new module, in evaluation mode.
        alignment: A row per reader: layer, channels of both networks, rows used, relative error (R7) and similarity on
            held-out images (on the images used, where none is held out).
        walk: What the walk cost.
        images: Number of images read, held-out ones included.
        seed: The seed.
        preset: The options it was drawn with.
        rows: For each drawn population the drawn rows and the trained ones.
        aligned_classifier: Where the classifier was retrained: what its parameters were before, by name.
    """

    network: nn.Module
    alignment: pd.DataFrame
    walk: WalkReport
    images: int
    seed: int
    preset: Preset
    rows: dict[str, tuple[Tensor, Tensor]]
    aligned_classifier: dict[str, Tensor] = field(default_factory=dict)

    def copy_scores(self) -> dict[str, CopyScore]:
        """Return the copy score of each drawn population, next to that of an independent Gaussian (theory, 7)."""
        generator = torch.Generator().manual_seed(self.seed)
        return {name: copy_score(new, old, generator=generator) for name, (new, old) in self.rows.items()}


def draw(
    rainbow: Rainbow,
    loader: Iterable[Any],
    *,
    width: Width = 1.0,
    seed: int = 0,
    layers: Sequence[str] | None = None,
    classifier: Classifier = "aligned",
    max_images: int | None = None,
    holdout: float = 0.1,
    budget: int | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Sample:
    """Draw a new network from a rainbow.

    The reference and the new network are walked together, one node at a time over all images: two layer evaluations per
    layer and image in all (theory, 9).

    Args:
        rainbow: The fitted rainbow.
        loader: Yields inputs or (inputs, targets).
        width: A factor on the number of neurons, or one per module prefix.
        seed: Seed of the draws, which are the same on every device.
        layers: Prefixes of the modules whose neurons are drawn; the others keep the trained ones. All by default.
        classifier: `"aligned"`, or retrained on the sampled features: `"ridge"` (closed form) or `"logistic"` (L-BFGS).
        max_images: Images to align on; by default 4096, more where the width asks for it, fewer where the loader ends.
        holdout: Share of the images that is kept to measure the alignment, at most one half.
        budget: Bytes of activations held in memory; what exceeds them goes to disk.
        device: Where to compute; that of the loader's images by default.
        progress: Called with the stages done and their number.
        options: Options of the preset to change: `alignment`, `draw`, `tie`, `flatten`.

    Returns:
        The sample.

    Raises:
        ArchitectureError: If a width leaves no neuron or a prefix matches no layer.
        AlignmentError: If activations are dead or not finite, naming the layer.
        DataError: If the loader is empty, ends before `max_images`, or does not fit the network.
        LawError: If a law cannot be drawn as asked.
        RainbowError: If an option has no meaning.
    """
    if fitted := {"law", "norms"} & set(options):
        raise RainbowError(f"{sorted(fitted)} are options of rainbownet.fit, not of sampling")
    if not 0 <= holdout <= 0.5:
        raise RainbowError(f"holdout: expected a share between 0 and 0.5, got {holdout}")
    preset = rainbow.preset.but(**options)
    example = first_inputs(loader, device=device)
    reference = rainbow.network.like(example)
    kept = kept_populations(reference, layers)
    new = reference.resized(width, keep=kept)
    rows = draw_rows(rainbow.laws, reference, new, kept, preset, seed)
    blocks = {name: law.blocks for name, law in rainbow.laws.items()}
    features = Features(new) if classifier != "aligned" else None
    aligner = SampleAligner(
        reference, new, draft(rows, blocks, reference, new, preset), preset, kept=kept, features=features
    )
    report, chunks = assemble(
        reference, new, aligner, loader, max_images=max_images, holdout=holdout, budget=budget, progress=progress
    )
    before = {}
    if features is not None:
        before = {name: new.parameters[name].clone() for name in features.classifier_parameters(new)}
        retrain(new, features, chunks.targets, classifier)
    pairs = {name: (drawn, rainbow.laws[name].neurons()) for name, drawn in rows.items()}
    return Sample(new.root, aligner.table(), report, chunks.images, seed, preset, pairs, before)


def assemble(
    reference: Network,
    new: Network,
    aligner: SampleAligner,
    loader: Iterable[Any],
    *,
    max_images: int | None = None,
    holdout: float = 0.1,
    budget: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[WalkReport, ImageChunks]:
    """Walk the reference and a new network together, so that the drafts of the new one are rotated into place.

    Args:
        reference: The reference network.
        new: The new network, written in place.
        aligner: Holds its drafts.
        loader: Yields inputs or (inputs, targets).
        max_images: Images to read, as in `draw`.
        holdout: Share of the images that is held out.
        budget: Bytes of activations held in memory.
        progress: Called with the stages done and their number.

    Returns:
        What the walk cost, and the images it read.
    """
    budget = default_budget(new.example) if budget is None else budget
    chunks = ImageChunks(
        loader,
        size=chunk_size([reference, new], budget),
        limit=max(default_images(reference), default_images(new)) if max_images is None else max_images,
        exact=max_images is not None,
        every=round(1 / holdout) if holdout else 0,
        like=new.example,
    )
    with aligner.batch_statistics():
        report = walk([reference, new], chunks, aligner, budget=budget, progress=progress)
    aligner.measure_folded_norms()
    return report, chunks
