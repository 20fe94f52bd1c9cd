"""Findings: what the numbers of a report mean, said in words where a reader may be misled."""

from collections.abc import Iterable, Iterator
from typing import Any

from rainbownet.report.layers import LEVEL
from rainbownet.report.result import Report

NEAR = 0.02
"""Accuracies closer than this are called equal."""

LOSS = 0.10
"""A sample that loses more accuracy than this has lost much."""

POOR = 0.5
"""Similarity below which channels are called poorly aligned."""

SHOWN = 5


def findings(report: Report) -> list[str]:
    """Return warnings in words.

    Args:
        report: The numbers; its warnings are not read.

    Returns:
        Sentences, the ones about accuracies first.

    Example:
        >>> findings(Report("empty"))
        ['No labelled images were given: nothing here says how well a network classifies.']
    """
    return [*_accuracies(report), *_alignment(report), *_laws(report), *_gaussianity(report), *_alike(report)]


def _accuracies(report: Report) -> Iterator[str]:
    if "accuracy" not in report.networks:
        yield "No labelled images were given: nothing here says how well a network classifies."
        return
    trained = float(report.networks["accuracy"].iloc[0])
    if not len(report.samples):
        return
    table: Any = report.samples.pivot(index="width", columns="law", values="accuracy")
    table = table.dropna(subset=["rainbow"])  # the identity baseline may stand alone
    for width, row in table.iterrows():
        drawn, white = row["rainbow"], row["white control"]
        if drawn - white < NEAR:
            yield (
                f"At width ×{width:g} the white control reaches {_percent(white)} and the sample {_percent(drawn)}: "
                "this accuracy comes from the alignment and the classifier, not from the learned covariances."
            )
    widest = table["rainbow"].iloc[-1]
    if trained - widest > LOSS:
        yield (
            f"Even the widest sample (×{table.index[-1]:g}) loses {100 * (trained - widest):.0f} points against the "
            "trained network: mean and covariance do not hold all that was learned, or the width is too small."
        )


def _alignment(report: Report) -> Iterator[str]:
    if not len(report.samples):
        return
    if not report.samples["held_out"].all():
        yield (
            "No images were held out: similarities of samples are measured on the images they were aligned to, and are "
            "too good."
        )
    table: Any = report.alignment[report.alignment["law"] == "rainbow"]
    for width, part in table.groupby("width"):
        poor = part[part["cosine"] < POOR]["layer"]
        if len(poor):
            yield f"At width ×{width:g} activations match the reference poorly (cosine < {POOR}) at {_names(poor)}."


def _laws(report: Report) -> Iterator[str]:
    if not len(report.populations):
        return
    drawn: Any = report.populations[~report.populations["frozen"].astype(bool)]
    if not len(drawn):
        yield "No population is drawn: every layer is the classifier or fixed, so a sample is the network itself."
        return
    short = drawn[(drawn["rank"] < drawn["numbers"]) & drawn["rank"].notna()]["population"]
    if len(short):
        yield (
            f"The law has fewer directions than a neuron has numbers at {_names(short)}: samples stay in the span of "
            "the trained neurons. More networks widen it."
        )


def _gaussianity(report: Report) -> Iterator[str]:
    if "rejected" not in report.layers:
        return
    found: Any = report.layers[report.layers["rejected"] > 0]
    total, rejected = int(report.layers["directions"].sum()), int(found["rejected"].sum())
    if len(found):
        yield (
            f"Weights are not normal in {rejected} of {total} directions tested (of which {LEVEL:.0%} by chance), at "
            f"{_names(found['layer'])}: there a Gaussian law leaves something out; a smoothed law or a mixture may not."
        )


def _alike(report: Report) -> Iterator[str]:
    if not len(report.comparison):
        return
    table: Any = report.comparison
    similarity = table["held_similarity"].fillna(table["similarity"])
    unlike = table[similarity < POOR]
    if len(unlike):
        yield f"Networks agree poorly (similarity < {POOR}) at {_names(unlike['layer'].drop_duplicates())}."
    gain = table["held_centred"].fillna(table["centred"]) - table["random_centred"]
    chance = table[gain < NEAR]
    if len(chance):
        yield (
            f"Activations are no more alike than with a network of random parameters at "
            f"{_names(chance['layer'].drop_duplicates())}: what is alike comes with the architecture and the images."
        )
    gain = table["weights_aligned"] - table["weights_random"]
    chance = table[gain < NEAR]
    if len(chance):
        yield (
            f"Aligned weights are no more alike than after a random rotation at "
            f"{_names(chance['layer'].drop_duplicates())}: their covariances are white, or were not learned alike."
        )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _names(values: Iterable[Any]) -> str:
    names = [str(value) for value in values]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
