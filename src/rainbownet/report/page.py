"""The page: the numbers, words and plots of a report as one HTML file that loads nothing."""

import json
from typing import Any

from rainbownet.extras import require
from rainbownet.report import tables
from rainbownet.report.plots import plots
from rainbownet.report.result import Report


def page(report: Report) -> str:
    """Return a report as HTML: style, plotly, figures and numbers inside, nothing loaded from anywhere.

    Args:
        report: The numbers.

    Returns:
        The page. Its element `numbers` holds all tables as JSON, `figures` the plots.

    Raises:
        MissingExtra: Without plotly or jinja2.
    """
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rainbownet.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"shown": tables.shown, "present": tables.present}
    figures = plots(report)
    return environment.get_template("page.html").render(
        report=report,
        columns=tables,
        cards=_cards(report),
        figures=figures,
        versions=", ".join(f"{name} {version}" for name, version in report.versions.items()),
        numbers=_safe(json.dumps(report.to_dict(), ensure_ascii=False)),
        figures_json=_safe(json.dumps(figures)),
        library=require("plotly.offline", extra="report").get_plotlyjs(),
    )


def _safe(text: str) -> str:
    """Return JSON that cannot end the script element it stands in."""
    return text.replace("</", "<\\/")


def _cards(report: Report) -> list[tuple[str, str]]:
    """Return the numbers at the top of the page with what they are."""
    cards = [(str(report.fitted), f"{'network' if report.fitted == 1 else 'networks'} behind the law")]
    if len(report.networks) not in (1, report.fitted):
        cards.append((str(len(report.networks)), "networks compared"))
    drawn: Any = report.populations[~report.populations["frozen"].astype(bool)]
    cards.append((f"{int(drawn['neurons'].sum()):,}", f"neurons in {len(drawn)} laws"))
    if "accuracy" in report.networks:
        cards.append((tables.shown(report.networks["accuracy"].iloc[0], "percent"), "trained accuracy"))
    if "accuracy" in report.samples:
        width = report.samples["width"].max()
        best: Any = report.samples[report.samples["width"] == width].set_index("law")["accuracy"]
        cards.append((tables.shown(best["rainbow"], "percent"), f"sample at ×{width:g}"))
        cards.append((tables.shown(best["white control"], "percent"), f"white control at ×{width:g}"))
    if len(report.comparison):
        similarity: Any = report.comparison["held_similarity"].fillna(report.comparison["similarity"]).mean()
        cards.append((tables.shown(float(similarity), "number"), "mean similarity of the networks"))
    return cards
