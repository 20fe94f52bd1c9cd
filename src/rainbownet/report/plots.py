"""The plots of a report: from its tables to plotly figures, in colours that are read on light and on dark paper."""

import json
from typing import Any

import pandas as pd

from rainbownet.extras import require
from rainbownet.rainbow.companions import IDENTITY
from rainbownet.report.result import Report

FIRST, MIDDLE, LAST = (47, 128, 199), (154, 111, 176), (226, 120, 40)
"""Colours of the first, the middle and the last layer: blue to orange, told apart by colour-blind readers too."""

GREY = "#8a8f98"
"""What is compared with: trained networks, white laws, diagonals."""

LOG = {"type": "log", "dtick": "D2"}
"""A logarithmic axis of ranks with ticks at 1, 2, 5, 10."""

FEW = 6
"""Layers up to which bars of uncertainty can be told apart."""


def plots(report: Report) -> dict[str, dict[str, Any]]:
    """Return the figures that a report has numbers for.

    Args:
        report: The numbers.

    Returns:
        By the name of the place on the page, figures as JSON values of plotly.

    Raises:
        MissingExtra: Without plotly.
    """
    drawn = {
        "accuracy": _accuracy,
        "aligned": _aligned,
        "weights": _weight_spectra,
        "activations": _activation_spectra,
        "alike": _alike,
        "covariances": _covariances,
        "layers": _layers,
        "quantiles": _quantiles,
        "kurtosis": _kurtosis,
        "bulk": _bulk,
    }
    figures = {name: draw(report) for name, draw in drawn.items()}
    return {name: json.loads(figure.to_json()) for name, figure in figures.items() if figure is not None}


def layer_colour(k: int, count: int) -> str:
    """Return the colour of a layer between the first and the last.

    Example:
        >>> layer_colour(0, 3), layer_colour(2, 3)
        ('rgb(47,128,199)', 'rgb(226,120,40)')
    """
    place = 2 * k / max(count - 1, 1)
    start, end, step = (FIRST, MIDDLE, place) if place <= 1 else (MIDDLE, LAST, place - 1)
    return "rgb(" + ",".join(str(round(a + step * (b - a))) for a, b in zip(start, end, strict=True)) + ")"


def _accuracy(report: Report) -> Any:
    if "accuracy" not in report.samples:
        return None
    go = _go()
    figure = go.Figure()
    styles = {"rainbow": {"color": "rgb(226,120,40)"}, "white control": {"color": GREY, "dash": "dot"}}
    drawn = report.samples[report.samples["law"] != IDENTITY]
    for law, part in drawn.groupby("law", sort=False):
        figure.add_trace(
            go.Scatter(
                x=_list(part["width"]),
                y=_percent(part["accuracy"]),
                name={"rainbow": "sample"}.get(str(law), str(law)),
                mode="lines+markers",
                line=styles[str(law)],
                hovertemplate="×%{x}: %{y:.1f} %",
            )
        )
    widths = sorted(set(_list(drawn["width"])))
    ends = [widths[0] / 1.15, widths[-1] * 1.15]
    identity = report.samples.loc[report.samples["law"] == IDENTITY, "accuracy"]
    for name, values, dash in (("trained", report.networks["accuracy"], "dash"), (IDENTITY, identity, "dot")):
        if len(values):
            figure.add_trace(
                go.Scatter(
                    x=ends,
                    y=[100 * float(values.iloc[0])] * 2,
                    name=name,
                    mode="lines",
                    line={"color": "rgb(47,128,199)", "dash": dash},
                    hovertemplate="%{y:.1f} %",
                )
            )
    ticks = {"tickvals": widths, "ticktext": [f"×{width:g}" for width in widths]}
    return _laid_out(figure, "width", "accuracy, %", x={"type": "log", **ticks})


def _aligned(report: Report) -> Any:
    if not len(report.alignment):
        return None
    go = _go()
    figure = go.Figure()
    widths = sorted(set(_list(report.alignment["width"])))
    groups: Any = report.alignment.groupby(["width", "law"], sort=False)
    for (width, law), part in groups:
        white = law == "white control"
        colour = layer_colour(widths.index(width), len(widths))
        figure.add_trace(
            go.Scatter(
                x=_list(part["layer"]),
                y=_list(part["cosine"]),
                name=f"×{width:g} {'white' if white else ''}".strip(),
                mode="lines+markers",
                line={"color": colour, "dash": "dot" if white else "solid"},
                hovertemplate="%{x}: %{y:.3f}",
            )
        )
    return _laid_out(figure, "layer that reads", "cosine to the reference", x={"type": "category"})


def _weight_spectra(report: Report) -> Any:
    return _spectra(report.weight_spectra, "over_mean", "eigenvalue / mean")


def _activation_spectra(report: Report) -> Any:
    return _spectra(report.activation_spectra, "over_first", "eigenvalue / largest")


def _spectra(table: pd.DataFrame, column: str, label: str) -> Any:
    if not len(table):
        return None
    figure = _by_layer(table, "rank", column, "rank %{x}: %{y:.3g}")
    return _laid_out(figure, "rank", label, x=LOG, y={"type": "log", "exponentformat": "power"})


def _alike(report: Report) -> Any:
    if not len(report.comparison):
        return None
    go = _go()
    figure = go.Figure()
    groups: list[Any] = list(report.comparison.groupby("network", sort=False))
    for k, (network, part) in enumerate(groups):
        lines = {
            str(network): (part["held_centred"].fillna(part["centred"]), "solid"),
            f"{network} at random": (part["random_centred"], "dot"),
        }
        for name, (values, dash) in lines.items():
            figure.add_trace(
                go.Scatter(
                    x=_list(part["layer"]),
                    y=_list(values),
                    name=name,
                    mode="lines+markers",
                    line={"color": layer_colour(k, len(groups)), "dash": dash},
                    hovertemplate="%{x}: %{y:.3f}",
                )
            )
    return _laid_out(figure, "layer that reads", "similarity of centred activations", x={"type": "category"})


def _covariances(report: Report) -> Any:
    if not len(report.comparison):
        return None
    go = _go()
    figure = go.Figure()
    styles = {
        "weights_aligned": ("aligned", {"color": "rgb(226,120,40)"}),
        "weights": ("as they are", {"color": "rgb(47,128,199)"}),
        "weights_random": ("rotated at random", {"color": GREY, "dash": "dot"}),
    }
    for column, (name, line) in styles.items():
        means: Any = report.comparison.groupby("layer", sort=False)[column].mean()
        if means.isna().all():
            continue
        figure.add_trace(
            go.Scatter(
                x=[str(layer) for layer in means.index],
                y=_list(means),
                name=name,
                mode="lines+markers",
                line=line,
                hovertemplate="%{x}: %{y:.3f}",
            )
        )
    return _laid_out(figure, "layer", "cosine of covariances", x={"type": "category"})


def _layers(report: Report) -> Any:
    """Return a heat map of all layers of the first network and of the others, mean over these."""
    if not len(report.similarity):
        return None
    table = report.similarity.assign(shown=report.similarity["held_value"].fillna(report.similarity["value"]))
    wide = table.pivot_table(index="layer_a", columns="layer_b", values="shown", dropna=False, sort=False)
    x, y = ([str(layer) for layer in axis] for axis in (wide.columns, wide.index))
    z = [_list(row) for _, row in wide.iterrows()]
    hover = "%{y} and %{x}: %{z:.3f}<extra></extra>"
    heat = _go().Heatmap(x=x, y=y, z=z, zmin=0, zmax=1, colorscale="Cividis", hovertemplate=hover)
    axes = {"x": {"type": "category"}, "y": {"type": "category"}}
    return _laid_out(_go().Figure(heat), "layer of the others", "layer of the first", **axes)


def _quantiles(report: Report) -> Any:
    if not len(report.quantiles):
        return None
    table = report.quantiles.assign(deviation=report.quantiles["measured"] - report.quantiles["normal"])
    figure = _by_layer(table, "normal", "deviation", "at %{x:.2f}: %{y:+.2f}")
    figure.add_hline(y=0, line={"color": GREY, "dash": "dot"})
    return _laid_out(figure, "quantile of N(0, 1)", "measured − normal")


def _kurtosis(report: Report) -> Any:
    if not len(report.gaussianity):
        return None
    table = report.gaussianity.assign(error=2 * report.gaussianity["excess_kurtosis_error"])
    few = table["layer"].nunique() <= FEW
    figure = _by_layer(
        table, "direction", "excess_kurtosis", "direction %{x}: %{y:.2f}", error="error" if few else None
    )
    figure.add_hline(y=0, line={"color": GREY, "dash": "dot"})
    return _laid_out(figure, "direction", "excess kurtosis" + " ± 2 s.e." * few, x=LOG)


def _bulk(report: Report) -> Any:
    """Return histograms of which the page shows one at a time: traces carry the layer they belong to."""
    if not len(report.bulk):
        return None
    go = _go()
    figure = go.Figure()
    groups: list[Any] = list(report.bulk.groupby("layer", sort=False))
    shown = _most_eigenvalues(report)
    for k, (layer, part) in enumerate(groups):
        own: dict[str, Any] = {
            "meta": {"layer": str(layer)},
            "visible": str(layer) == shown,
            "hovertemplate": "%{x:.2f}: %{y:.3f}",
        }
        kinds: dict[str, Any] = {str(kind): own_part for kind, own_part in part.groupby("kind", sort=False)}
        colour = layer_colour(k, len(groups))
        bins, white, outliers = kinds["bin"], kinds["white"], kinds.get("outlier")
        x, y = _list(bins["value"]), _list(bins["density"])
        figure.add_trace(go.Bar(x=x, y=y, name="measured", marker={"color": colour}, **own))
        x, y = _list(white["value"]), _list(white["density"])
        figure.add_trace(go.Scatter(x=x, y=y, name="white", mode="lines", line={"color": GREY, "width": 2}, **own))
        if outliers is not None:
            own["hovertemplate"] = "outlier at %{x:.2f}"
            x, y = _list(outliers["value"]), _list(outliers["density"])
            marker = {"color": colour, "symbol": "triangle-down", "size": 8}
            figure.add_trace(go.Scatter(x=x, y=y, name="outliers", mode="markers", marker=marker, **own))
    figure.update_layout(bargap=0)
    return _laid_out(figure, "eigenvalue / mean", "density")


def _most_eigenvalues(report: Report) -> str:
    """Return the layer whose spectrum has the most eigenvalues, which a histogram shows best."""
    layers = report.layers[report.layers["layer"].isin(report.bulk["layer"])]
    sizes = layers[["rows", "dimensions"]].min(axis=1)
    return str(layers["layer"][sizes.idxmax()])


def _by_layer(table: pd.DataFrame, x: str, y: str, hover: str, *, error: str | None = None) -> Any:
    go = _go()
    figure = go.Figure()
    groups: list[Any] = list(table.groupby("layer", sort=False))
    for k, (layer, part) in enumerate(groups):
        bars = None if error is None else {"type": "data", "array": _list(part[error]), "thickness": 1, "width": 2}
        figure.add_trace(
            go.Scatter(
                x=_list(part[x]),
                y=_list(part[y]),
                name=str(layer),
                mode="lines" if error is None else "lines+markers",
                line={"color": layer_colour(k, len(groups)), "width": 2},
                error_y=bars,
                hovertemplate=hover,
            )
        )
    return figure


def _laid_out(figure: Any, x_title: str, y_title: str, *, x: Any = None, y: Any = None) -> Any:
    figure.update_layout(
        template="none",
        xaxis={"title": {"text": x_title}, "automargin": True, **(x or {})},
        yaxis={"title": {"text": y_title}, "automargin": True, **(y or {})},
        margin={"l": 56, "r": 12, "t": 8, "b": 44},
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return figure


def _go() -> Any:
    return require("plotly.graph_objects", extra="report")


def _list(values: Any) -> list[Any]:
    return [None if pd.isna(value) else value for value in values.tolist()]


def _percent(values: Any) -> list[Any]:
    return _list(100 * values)
