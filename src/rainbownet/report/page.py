"""The page: the numbers, words and plots of a report as one HTML file that loads nothing."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from rainbownet.extras import require
from rainbownet.report.plots import plots
from rainbownet.report.result import Report
from rainbownet.report.style import SCRIPT, STYLE
from rainbownet.report.tables import Columns, shown, table

NETWORKS: Columns = {
    "network": ("Network", "text"),
    "parameters": ("Parameters", "count"),
    "accuracy": ("Accuracy", "percent"),
    "loss": ("Loss", "number"),
}
SAMPLES: Columns = {
    "width": ("Width ×", "number"),
    "law": ("Law", "text"),
    "accuracy": ("Accuracy", "percent"),
    "loss": ("Loss", "number"),
    "similarity": ("Similarity", "number"),
    "error": ("Error", "number"),
    "copy_score": ("Copy score", "number"),
    "copy_baseline": ("of a Gaussian", "number"),
    "images": ("Images", "count"),
}
POPULATIONS: Columns = {
    "population": ("Population", "text"),
    "neurons": ("Neurons", "count"),
    "numbers": ("Numbers each", "count"),
    "rank": ("Rank", "count"),
    "effective_rank": ("Effective rank", "number"),
    "frozen": ("Frozen", "text"),
    "writers": ("Written by", "text"),
    "readers": ("Read by", "text"),
}
LAYERS: Columns = {
    "layer": ("Layer", "text"),
    "channels": ("Channels read", "count"),
    "rows": ("Rows", "count"),
    "dimensions": ("Dimensions", "count"),
    "effective_rank": ("Effective rank", "number"),
    "decay": ("Decay per rank", "number"),
    "decay_error": ("± s.e.", "number"),
    "activation_rank": ("Effective rank read", "number"),
    "activation_exponent": ("Exponent read", "number"),
    "activation_exponent_error": ("± s.e. read", "number"),
}
COMPARISON: Columns = {
    "network": ("Network", "text"),
    "layer": ("Layer", "text"),
    "channels_a": ("Channels", "count"),
    "similarity": ("Similarity", "number"),
    "held_similarity": ("held out", "number"),
    "error": ("Error", "number"),
    "held_error": ("held out", "number"),
    "weights": ("Weights as they are", "number"),
    "weights_aligned": ("aligned", "number"),
    "weights_random": ("at random", "number"),
}
BULK: Columns = {
    "layer": ("Layer", "text"),
    "outside": ("Outside", "percent"),
    "outside_whitened": ("Outside, whitened", "percent"),
    "spikes": ("Outliers", "count"),
    "largest": ("Largest", "number"),
    "upper_edge": ("Upper edge", "number"),
    "directions": ("Directions tested", "count"),
    "rejected": ("not normal", "count"),
}
GAUSSIANITY: Columns = {
    "layer": ("Layer", "text"),
    "direction": ("Direction", "count"),
    "rows": ("Rows", "count"),
    "p_corrected": ("p", "p"),
    "p": ("p, as published", "p"),
    "excess_kurtosis": ("Excess kurtosis", "number"),
    "excess_kurtosis_error": ("± s.e.", "number"),
    "normal": ("Normal", "text"),
}


def page(report: Report) -> str:
    """Return a report as HTML: style, plotly, figures and numbers inside, nothing loaded from anywhere.

    Args:
        report: The numbers.

    Returns:
        The page. Its element `numbers` holds all tables as JSON, `figures` the plots.

    Raises:
        MissingExtra: Without plotly.
    """
    figures = plots(report)
    library = require("plotly.offline", extra="report").get_plotlyjs()
    title = escape(report.title)
    body = "\n".join(_sections(report, set(figures)))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
<script type="application/json" id="numbers">{_safe(json.dumps(report.to_dict(), ensure_ascii=False))}</script>
<script type="application/json" id="figures">{_safe(json.dumps(figures))}</script>
<script>{library}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _safe(text: str) -> str:
    """Return JSON that cannot end the script element it stands in."""
    return text.replace("</", "<\\/")


def _sections(report: Report, figures: set[str]) -> Iterator[str]:
    yield _cards(report)
    yield _warnings(report)
    yield "<h2>What was fitted</h2>"
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in report.facts.items())
    yield f"<dl>{facts}</dl>"
    yield table(report.networks, NETWORKS)
    if len(report.samples):
        yield "<h2>Samples against the trained network</h2>"
        yield _text(
            "Each sample is a new network: its neurons are drawn from the law, its layers rotated into place, nothing "
            "is trained. The white control has the same energy and the same alignment and nothing that was learned: "
            "only what a sample has above it comes from the law."
        )
        yield from _plots(figures, accuracy="Accuracy by width", aligned="How well activations match, layer by layer")
        yield table(report.samples, SAMPLES)
        yield _soft(
            "Similarity and error are means over layers, on held-out images where there are any. The copy score is the "
            "mean largest |cosine| of a drawn neuron to a trained one; a Gaussian draw's stands beside it."
        )
    yield "<h2>Layers</h2>"
    yield _text(
        "A population is a set of neurons that share one law; the rank counts the directions of its covariance. Frozen "
        "populations are aligned or fixed, never drawn."
    )
    yield table(report.populations, POPULATIONS)
    yield from _plots(
        figures,
        weights="Covariance of weights: eigenvalues, from the first layer (blue) to the last (orange)",
        activations="Second moment of activations: eigenvalues of what each layer reads",
    )
    yield table(report.layers, LAYERS)
    yield _soft(
        "Decay: of an exponential fitted to the first 50 ranks of the weights; exponent: of a power law fitted to the "
        "activations from rank 2 to half of them. Standard errors count neighbouring ranks as alike."
    )
    if len(report.comparison):
        yield "<h2>How alike the networks are</h2>"
        yield _text(
            "The channels of each network are rotated onto those of the first. Similarity 1 means the same activations "
            "up to that rotation. Covariances of weights are compared as they are, after the same rotation, and after "
            "a random one, the zero of the scale."
        )
        yield from _plots(figures, alike="Activations, on held-out images", covariances="Covariances of weights, mean")
        yield table(report.comparison, COMPARISON)
    if len(report.gaussianity):
        yield "<h2>How Gaussian the weights are</h2>"
        yield _text(
            "Whitened weights along principal directions of each layer, against the normal law. A line at zero is "
            "normal; ends that turn up at the right and down at the left are heavy tails."
        )
        yield from _plots(
            figures, quantiles="First direction: quantiles, measured minus normal", kurtosis="Excess kurtosis"
        )
        yield table(report.gaussianity, GAUSSIANITY)
        yield _soft(
            "p: Kolmogorov–Smirnov, corrected for the variance that was estimated, and as published, without. "
            "“Normal” allows for the number of tests: one in twenty of the directions called not normal is by chance."
        )
        yield "<h2>Bulk and outliers</h2>"
        yield _text(
            "Eigenvalues of the first network's weights against those of white rows (Marchenko–Pastur), the law of "
            "untrained weights. Outliers are above what white rows of this size exceed once in a hundred times; "
            "“outside” counts both sides of the edges, as published."
        )
        yield from _plots(figures, bulk="Density of eigenvalues, one layer at a time; triangles are outliers")
        yield table(report.layers.query("directions > 0"), BULK)
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield f"<footer>Written by {escape(versions)}. All numbers are inside this file, as JSON.</footer>"
    yield "<noscript><p>The plots need JavaScript; the tables do not.</p></noscript>"


def _cards(report: Report) -> str:
    cards = [(str(len(report.networks)), "network" if len(report.networks) == 1 else "networks")]
    drawn: Any = report.populations[~report.populations["frozen"].astype(bool)]
    cards.append((f"{int(drawn['neurons'].sum()):,}", f"neurons in {len(drawn)} laws"))
    if "accuracy" in report.networks:
        cards.append((shown(report.networks["accuracy"].iloc[0], "percent"), "trained accuracy"))
    if "accuracy" in report.samples:
        best: Any = report.samples[report.samples["width"] == report.samples["width"].max()].set_index("law")[
            "accuracy"
        ]
        width = report.samples["width"].max()
        cards.append((shown(best["rainbow"], "percent"), f"sample at ×{width:g}"))
        cards.append((shown(best["white control"], "percent"), f"white control at ×{width:g}"))
    if len(report.comparison):
        similarity: Any = report.comparison["held_similarity"].fillna(report.comparison["similarity"]).mean()
        cards.append((shown(float(similarity), "number"), "mean similarity of the networks"))
    inside = "".join(f'<div class="card"><b>{escape(n)}</b><span>{escape(text)}</span></div>' for n, text in cards)
    return f'<div class="cards">{inside}</div>'


def _warnings(report: Report) -> str:
    if not report.warnings:
        return _soft("Nothing in these numbers calls for a warning.")
    items = "".join(f"<li>{escape(text)}</li>" for text in report.warnings)
    return f'<div class="warnings"><strong>Before you believe a number</strong><ul>{items}</ul></div>'


def _plots(figures: set[str], **captions: str) -> Iterator[str]:
    for name, caption in captions.items():
        if name in figures:
            yield f'<h3>{escape(caption)}</h3><figure><div class="plot" id="plot-{name}"></div></figure>'


def _text(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _soft(words: str) -> str:
    return f'<p class="soft">{escape(words)}</p>'
