"""What the tests of reports share: small networks for images of noise, and what a page says, read back."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import torch
from torch import Tensor, nn

SHAPE = (3, 6, 6)


def network(seed: int = 0, width: int = 12, depth: int = 2) -> nn.Sequential:
    """Return a convolutional network with batch norms, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for k in range(depth):
            layers += [nn.Conv2d(3 if k == 0 else width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)).eval()


def batches(n: int = 400, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    """Return labelled batches of noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, *SHAPE, generator=generator)
    targets = torch.randint(10, (n,), generator=generator)
    return list(zip(inputs.split(100), targets.split(100), strict=True))


class Tables(HTMLParser):
    """Reads the tables of a page: a list of rows of cells each, the headings first."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td") and self._cell is not None:
            self.tables[-1][-1].append("".join(self._cell))
            self._cell = None

    def named(self, heading: str) -> list[dict[str, str]]:
        """Return the rows of the first table that has a column of this heading."""
        found = next(table for table in self.tables if heading in table[0])
        return [dict(zip(found[0], row, strict=True)) for row in found[1:]]


def embedded(text: str, name: str) -> Any:
    """Return the JSON of an element of the page."""
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    return json.loads(match[1])
