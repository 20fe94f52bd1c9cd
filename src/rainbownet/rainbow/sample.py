"""Sampling: a new network drawn layer by layer, each layer rotated into what the layers before it became (R12–R15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.checks import seed_of
from rainbownet.errors import RainbowError
from rainbownet.graph import Network
from rainbownet.graph.network import Width
from rainbownet.laws import CopyScore, copy_score
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.rainbow.classifier import Classifier, Features, check_one_process, retrain
from rainbownet.rainbow.drafts import draft, draw_rows, kept_populations
from rainbownet.rainbow.presets import Preset
from rainbownet.walk import HOLDOUT, AlignmentImages, WalkReport

if TYPE_CHECKING:
    from rainbownet.rainbow.model import Rainbow


@dataclass(frozen=True)
class Sample:
    """A sampled network and what is known of it.

    Attributes:
        network: The new module, in evaluation mode.
        alignment: A row per reader: layer, channels of both networks, rows used, relative error (R7) and cosine after
            the map, on held-out images (on the images used, where none is held out).
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
    loader: Any,
    *,
    width: Width = 1.0,
    seed: int = 0,
    layers: Sequence[str] | None = None,
    until: str | None = None,
    classifier: Classifier = "aligned",
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], object] | None = None,
    **options: Any,
) -> Sample:
    """Draw a new network from a rainbow.

    The reference and the new network are walked together, one node at a time over all images: two layer evaluations per
    layer and image in all (theory, 9).

    Args:
        rainbow: The fitted rainbow.
        loader: Yields inputs or (inputs, targets); see `AlignmentImages`.
        width: A factor on the number of neurons, or one per module prefix.
        seed: Seed of the draws, which are the same on every device.
        layers: Prefixes of the modules whose neurons are drawn; the others keep the trained ones. All by default.
        until: Prefix of the last module whose neurons are drawn, in order of execution, instead of `layers`.
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
    seed = seed_of(seed)
    preset = rainbow.preset.but(**options)
    if classifier != "aligned":
        check_one_process(classifier)
    images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
    reference = rainbow.network.like(images.example)
    kept = kept_populations(reference, layers, until)
    new = reference.resized(width, keep=kept)
    rows = draw_rows(rainbow.laws, reference, new, kept, preset, seed)
    blocks = {name: law.blocks for name, law in rainbow.laws.items()}
    features = Features(new) if classifier != "aligned" else None
    aligner = SampleAligner(
        reference,
        new,
        draft(rows, blocks, reference, new, preset),
        preset,
        kept=kept,
        features=features,
        measure=not images.every,
    )
    report = assemble(reference, new, aligner, images, progress=progress)
    before = {}
    if features is not None:
        before = {name: new.parameters[name].clone() for name in features.classifier_parameters(new)}
        retrain(new, features, images.targets, classifier)
    pairs = {name: (drawn, rainbow.laws[name].neurons()) for name, drawn in rows.items()}
    return Sample(new.root, aligner.table(), report, images.images, seed, preset, pairs, before)


def assemble(
    reference: Network,
    new: Network,
    aligner: SampleAligner,
    images: AlignmentImages,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> WalkReport:
    """Walk the reference and a new network together, so that the drafts of the new one are rotated into place.

    Args:
        reference: The reference network.
        new: The new network, written in place.
        aligner: Holds its drafts.
        images: The images to align on.
        progress: Called with the stages done and their number.

    Returns:
        What the walk cost.
    """
    with aligner.batch_statistics():
        report = images.walk([reference, new], aligner, progress=progress)
    aligner.measure_folded_norms()
    return report
