"""Sampling: a new network drawn layer by layer, each layer rotated into what the layers before it became (R12–R15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from rainbownet.rainbow.companions import IDENTITY, SAMPLE, TRAINED, WHITE, companions
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.presets import Preset
from rainbownet.rainbow.unaligned import draw_rows, kept_populations, unaligned_weights
from rainbownet.rainbow.widths import width_of
from rainbownet.walk import AlignmentImages, WalkReport

if TYPE_CHECKING:
    from rainbownet.data import Examples


@dataclass(frozen=True, repr=False)
class Sample:
    """A sampled network and what is known of it.

    Attributes:
        network: The new module, in evaluation mode; its parameters train, but for those that were fixed (needed no
            gradient) in a trained network of which others were not.
        alignment: A row per reader: layer, channels of both networks, rows used, the ridge and what it shrinks to
            (infinite for a rotation itself, absent where the alignment has none), relative error (R7) and cosine after
            the map, on held-out images (on the images used, where none is held out).
        walk: What the walk cost.
        images: Number of images read, held-out ones included.
        seed: The seed.
        preset: The options it was drawn with.
        rows: For each drawn population the drawn rows and the trained ones.
        aligned_classifier: Where the classifier was retrained: what its parameters were before, by name.
        companions: Draw the networks an accuracy stands beside: the trained reference and, by the options of this
            sample, the identity baseline and the white control.
    """

    network: nn.Module
    alignment: pd.DataFrame
    walk: WalkReport
    images: int
    seed: int
    preset: Preset
    rows: dict[str, tuple[Tensor, Tensor]]
    aligned_classifier: dict[str, Tensor] = field(default_factory=dict)
    companions: Companions | None = field(default=None, repr=False, compare=False)

    def baselines(self, test: Examples | Iterable[Any]) -> pd.DataFrame:
        """Classify images by the sample and by what its accuracy stands beside (theory, 13).

        The identity baseline and the white control are drawn when this is called, on the images the sample was
        aligned on and with its options: the loader is read again.

        Args:
            test: Images with labels, a text, or a loader of `(inputs, targets)`.

        Returns:
            A row each for `"trained"`, `"identity baseline"` (the trained neurons through the same alignment),
            `"sample"` and `"white control"`: `network`, `parameters`, `accuracy`, `loss`, and `agreement`, the share
            of images on which the network and the trained one give the same class.

        Raises:
            DataError: If there is nothing to classify, or a loader gives its images only once.
            RainbowError: If the sample was not made by `Rainbow.draw`.
        """
        if self.companions is None:
            raise RainbowError("sample: only one that Rainbow.draw made can draw its baselines")
        nets = {
            TRAINED: self.companions.trained,
            IDENTITY: self.companions.identity().network,
            SAMPLE: self.network,
            WHITE: self.companions.white().network,
        }
        return companions(nets, test)

    def plot(self, test: Examples | Iterable[Any] | None = None, *, ax: Any = None) -> Any:
        """Draw how well each layer is aligned; with images, accuracies instead.

        Args:
            test: Images with labels, or a loader of `(inputs, targets)`, to draw what `baselines` returns: its
                accuracy beside those of the trained network, the identity baseline and the white control.
            ax: Matplotlib axes to draw on; new ones by default.

        Returns:
            The axes.

        Raises:
            MissingExtra: If matplotlib is not installed.
            DataError: As `baselines`.
            RainbowError: As `baselines`.
        """
        from rainbownet.plotting.results import plot_accuracies, plot_alignment

        return plot_alignment(self.alignment, ax=ax) if test is None else plot_accuracies(self.baselines(test), ax=ax)

    def __repr__(self) -> str:
        table = self.alignment
        held = "held out" if len(table) and table["held_out"].all() else "on the images fitted"
        quality = f"cosine {table['cosine'].mean():.3f} {held}, " if len(table) else ""
        return (
            f"Sample({type(self.network).__name__}: {len(table)} layer{'s' * (len(table) != 1)} aligned, {quality}"
            f"{self.images} images, seed {self.seed})"
        )

    def _repr_html_(self) -> str:
        from rainbownet.plotting.html import small_table

        columns = ["layer", "channels", "sampled_channels", "rows", "ridge", "toward", "cosine", "error"]
        table = self.alignment.filter(columns).rename(columns={"sampled_channels": "sampled channels"})
        note = "baselines(test) classifies, beside the trained network, the identity baseline and the white control"
        return small_table(repr(self), table, note=note)

    def copy_scores(self) -> dict[str, CopyScore]:
        """Return the copy score of each drawn population, next to that of an independent Gaussian (theory, 7)."""
        generator = torch.Generator().manual_seed(self.seed)
        return {name: copy_score(new, old, generator=generator) for name, (new, old) in self.rows.items()}


@dataclass(frozen=True)
class Companions:
    """The networks beside which the accuracy of a sample stands.

    Attributes:
        trained: The reference.
        identity: Draws the trained neurons through the alignment of the sample, at the reference's width; takes
            `progress` as `Rainbow.draw` does.
        white: Draws the white control, at the width of the sample, likewise.
    """

    trained: nn.Module
    identity: Callable[..., Sample]
    white: Callable[..., Sample]


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
    chosen = rainbow.preset if preset is None else preset
    options: dict[str, Any] = {"seed": seed, "layers": layers, "until": until, "classifier": classifier}
    beside = Companions(
        rainbow.reference,
        # A white law keeps every trained neuron, so that its identity draw gives them.
        lambda progress=None: draw_sample(
            rainbow.white(), images, preset=chosen.but(draw="identity"), progress=progress, **options
        ),
        lambda progress=None: draw_sample(
            rainbow.white(), images, preset=chosen, width=width, progress=progress, **options
        ),
    )
    seed = seed_of(seed)
    width_of(width)
    if classifier != "aligned":
        check_one_process(classifier)
    reference = rainbow.network.like(images.example)
    kept = kept_populations(reference, layers, until)
    new = reference.resized(width, keep=kept)
    rows = draw_rows(rainbow.laws, reference, new, kept, chosen, seed)
    blocks = {name: law.blocks for name, law in rainbow.laws.items()}
    features = Features(new) if classifier != "aligned" else None
    aligner = SampleAligner(
        reference,
        new,
        unaligned_weights(rows, blocks, reference, new, chosen),
        chosen,
        kept=kept,
        features=features,
        measure=not images.every,
    )
    report = assemble(reference, new, aligner, images, progress=progress)
    before = {}
    if features is not None:
        before = {name: new.parameters[name].clone() for name in features.classifier_parameters(new)}
        retrain(new, features, images.targets, classifier)
    _thaw(new.root, rainbow.provenance)
    trained = rainbow.rows()
    pairs = {name: (drawn, trained[name][0].to(drawn)) for name, drawn in rows.items()}
    return Sample(new.root, aligner.table(), report, images.images, seed, chosen, pairs, before, beside)


def _thaw(module: nn.Module, provenance: Mapping[str, Any]) -> None:
    """Let the parameters of a sample train, but for those that its trained network held fixed."""
    fixed = provenance.get("fixed")
    fixed = fixed if isinstance(fixed, list) else []
    for name, parameter in module.named_parameters():
        number = parameter.is_floating_point() or parameter.is_complex()
        parameter.requires_grad_(number and name not in fixed)


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
