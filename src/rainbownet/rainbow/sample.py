"""Sampling: a new network drawn layer by layer, each layer rotated into what the layers before it became (R12–R15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.checks import seed_of
from rainbownet.graph import Network
from rainbownet.graph.network import Width
from rainbownet.laws import CopyScore, copy_score
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.rainbow.classifier import Classifier, Features, check_one_process, retrain
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.unaligned import draw_rows, kept_populations, unaligned_weights
from rainbownet.rainbow.widths import width_of
from rainbownet.walk import AlignmentImages, WalkReport


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


def draw_sample(
    rainbow: RainbowData,
    images: AlignmentImages,
    *,
    preset: Preset | None = None,
    width: Width = 1.0,
    seed: int = 0,
    layers: str | Sequence[str] | None = None,
    until: str | None = None,
    classifier: Classifier = "aligned",
    progress: Callable[[int, int], object] | None = None,
) -> Sample:
    """Draw a new network from a rainbow; see `rainbownet.Rainbow.draw`.

    Args:
        rainbow: The laws and their reference.
        images: The images to align on.
        preset: How to draw; as the rainbow says by default.
        width: A factor on the number of neurons, or one per module prefix.
        seed: Seed of the draws.
        layers: Prefixes of what is drawn.
        until: Prefix of the last module that is drawn, instead of `layers`.
        classifier: Whether and how the classifier is retrained.
        progress: Called with the stages done and their number.
    """
    seed = seed_of(seed)
    preset = rainbow.preset if preset is None else preset
    width_of(width)
    if classifier != "aligned":
        check_one_process(classifier)
    reference = rainbow.network.like(images.example)
    kept = kept_populations(reference, layers, until)
    new = reference.resized(width, keep=kept)
    rows = draw_rows(rainbow.laws, reference, new, kept, preset, seed)
    blocks = {name: law.blocks for name, law in rainbow.laws.items()}
    features = Features(new) if classifier != "aligned" else None
    aligner = SampleAligner(
        reference,
        new,
        unaligned_weights(rows, blocks, reference, new, preset),
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
    """Walk the reference and a new network together, which rotates the weights of the new one into place.

    Args:
        reference: The reference network.
        new: The new network, written in place.
        aligner: Holds its unaligned weights.
        images: The images to align on.
        progress: Called with the stages done and their number.

    Returns:
        What the walk cost.
    """
    with aligner.batch_statistics():
        report = images.walk([reference, new], aligner, progress=progress)
    aligner.measure_folded_norms()
    return report
