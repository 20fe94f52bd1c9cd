"""The card of a shared rainbow: what its laws are, what its samples reach beside their companions, how to draw."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rainbownet.extras import require
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.sample import draw_sample
from rainbownet.report import Report, collect
from rainbownet.report.tables import NETWORKS, POPULATIONS, Columns, present, shown
from rainbownet.sharing.address import FILE, Address
from rainbownet.walk import AlignmentImages

ACCURACIES: Columns = {
    "width": ("Width ×", "number"),
    **NETWORKS,
    "agreement": ("Same class as trained", "percent"),
}
PAPER = "https://jmlr.org/papers/v25/23-1573.html"


def write_card(
    rainbow: RainbowData,
    address: Address,
    loader: Any = None,
    *,
    test: Any = None,
    widths: Sequence[float | int] = (1, 2),
    seed: int = 0,
    license: str | None = None,
    factory: str | None = None,
) -> str:
    """Return a card in Markdown.

    Args:
        rainbow: What is shared.
        address: Where it will be.
        loader: Images to align samples on, as for `Rainbow.draw`; needed with `test`.
        test: Images with labels, as for `Sample.baselines`; without, the card has no accuracies.
        widths: Widths of the samples whose accuracies it has.
        seed: Seed of the samples.
        license: Of the rainbow, as the hub names it.
        factory: What makes the network, where a file cannot hold it.

    Returns:
        The card: metadata, the laws, accuracies of the samples beside the trained network, the identity baseline and
        the white control, and how to draw.

    Raises:
        MissingExtra: Without `huggingface_hub`.
    """
    report = collect(rainbow, title=address.repo)
    parts = [
        f"---\n{_metadata(license)}\n---",
        f"# {address.repo}",
        f"Laws of the neurons of a trained network, a [rainbow]({PAPER}): after rotating what each layer reads onto a "
        "common reference, neurons are independent samples of one law per layer. New networks of any width are drawn "
        "from it, without training.",
        "## Draw",
        _drawing(rainbow, address, factory),
        "## Accuracy",
        _accuracies(rainbow, loader, test, widths, seed),
        "## Laws",
        _facts(report),
        table(report.populations, POPULATIONS),
    ]
    return "\n\n".join(parts) + "\n"


def table(frame: pd.DataFrame, columns: Columns) -> str:
    r"""Return a table in Markdown, with the columns that have values.

    Example:
        >>> print(table(pd.DataFrame({"network": ["a|b"], "accuracy": [0.5]}), NETWORKS))
        | Network | Accuracy |
        |---|---|
        | a\|b | 50.0 % |
    """
    columns = present(frame, columns)
    head = [_line(heading for heading, _ in columns.values()), "|" + "---|" * len(columns)]
    cells = ([shown(row[name], kind) for name, (_, kind) in columns.items()] for row in frame.to_dict("records"))
    return "\n".join([*head, *map(_line, cells)])


def _line(cells: Any) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Return text that Markdown and HTML take for text."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), ("\n", " "), ("|", "\\|"), ("`", "\\`"), ("[", "\\[")):
        text = text.replace(sign, entity)
    return text


def _metadata(license: str | None) -> str:
    data: Any = require("huggingface_hub", extra="train").ModelCardData
    tags = ["rainbow-network", "random-features"]
    return data(library_name="rainbownet", license=license, tags=tags).to_yaml().strip()


def _drawing(rainbow: RainbowData, address: Address, factory: str | None) -> str:
    shape = rainbow.provenance.get("input", {}).get("shape")
    inputs = f" of shape (n, {', '.join(map(str, shape))})" if shape else ""
    more = "" if factory is None else ", network=net"
    lines = [
        'import rainbownet as rn  # pip install "rainbownet[train]"',
        "",
        f'rainbow = rn.load("{address}"{more})',
        f"net = rainbow.sample(loader, width=2.0, seed=0)  # loader: batches of inputs{inputs}",
        "limit = rainbow.limit(loader)  # what samples tend to as they get wide",
    ]
    code = "```python\n" + "\n".join(lines) + "\n```"
    if factory is None:
        return f"{code}\n\nThe file, `{FILE}`, is data: nothing in it is run when it is loaded."
    return (
        f"{code}\n\nThe file, `{FILE}`, holds no network, only the name of what makes it, {_escaped(factory)}: code "
        "that a file may not run. `net` is a network of that architecture, of any weights."
    )


def _accuracies(rainbow: RainbowData, loader: Any, test: Any, widths: Sequence[float | int], seed: int) -> str:
    if test is None:
        return "None was measured."
    frames = []
    for width in widths:
        drawn = draw_sample(rainbow, AlignmentImages.of(loader), width=width, seed=seed)
        frames.append(drawn.baselines(test).assign(width=width))
    note = (
        "A sample's accuracy says something only beside the others: the trained network; the identity baseline, its "
        "own neurons through the same alignment; and the white control, aligned in the same way but drawn without the "
        f"learned covariances. Seed {seed}."
    )
    return f"{table(pd.concat(frames, ignore_index=True), ACCURACIES)}\n\n{note}"


def _facts(report: Report) -> str:
    facts = report.facts | {"Written with": ", ".join(f"{name} {number}" for name, number in report.versions.items())}
    unused = ("Seed",)
    return "\n".join(f"- {label}: {_escaped(value)}" for label, value in facts.items() if label not in unused)
