"""One member of an ensemble: everything that decides its weights, as plain JSON, and the name that follows from it."""

import hashlib
import inspect
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rainbownet.checks import real, seed_of, sequence_of, shown
from rainbownet.errors import DataError, FileError
from rainbownet.files.reason import reason
from rainbownet.files.strict import check_fields, read_json
from rainbownet.naming import find_factory, resolve_network, split_arguments
from rainbownet.training import Recipe

MOST_WIDTH = 10_000
"""Factors on the widths above this are a mistake."""

LONGEST = 60
"""Letters of a network's name that a directory is called by."""

_FIELDS = {
    "network": str,
    "recipe": dict,
    "seed": int,
    "width": float | int | None,
    "kwargs": dict,
    "data": dict,
    "test": dict | None,
}


@dataclass(frozen=True)
class Member:
    """A network to be trained.

    Args:
        network: Name of a reference network or `"package.module:factory"`.
        recipe: How it is trained.
        seed: Seed of initial weights and training.
        width: Factor passed to the factory as `width`, or None to pass nothing.
        kwargs: Further arguments of the factory.
        data: Arguments of `rainbownet.data.load`, or of `load_text`, for the training images.
        test: The same for test images, or None.

    Raises:
        DataError: If one of these cannot be meant, or kept as JSON.

    Example:
        >>> member = Member("torch.nn:Linear", Recipe(epochs=1, lr=0.1), kwargs={"in_features": 2, "out_features": 2})
        >>> member.name
        'linear-s0-...'
    """

    network: str
    recipe: Recipe
    seed: int = 0
    width: float | int | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=lambda: {"source": "digits"})
    test: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not isinstance(self.network, str) or not self.network:
            raise DataError(f"network is {shown(self.network)}; a name or 'package.module:factory' is needed")
        if not isinstance(self.recipe, Recipe):
            raise DataError(f"recipe is {shown(self.recipe)}; a Recipe is needed")
        seed_of(self.seed)
        if self.width is not None:
            real("width", self.width, above=0.0, most=MOST_WIDTH, error=DataError)
        for name, value in (("kwargs", self.kwargs), ("data", self.data), ("test", self.test)):
            if not isinstance(value, Mapping) and (name != "test" or value is not None):
                raise DataError(f"{name} is {shown(value)}; a dictionary of arguments is needed")
        try:
            self.to_json()
        except (TypeError, ValueError) as error:
            raise DataError(f"kwargs, data and test must be kept as JSON: {error}") from error

    @property
    def name(self) -> str:
        """Name of the member's directory: network, width, seed and a hash of everything."""
        digest = hashlib.sha256(self.to_json().encode()).hexdigest()[:8]
        factory = self.network.partition("(")[0].rpartition(":")[2].lower()
        short = "".join(c if c.isalnum() or c in "._-" else "-" for c in factory)[:LONGEST]
        width = "" if self.width is None else f"-w{self.width:g}"
        return f"{short}{width}-s{self.seed}-{digest}"

    def build(self) -> nn.Module:
        """Return the network with its initial weights, which depend on `seed` alone.

        The seed is passed to the factory if it takes one; PyTorch's own generator, which other factories read, is
        seeded meanwhile and put back.
        """
        arguments = dict(self.kwargs)
        if self.width is not None:
            arguments["width"] = self.width
        if "seed" not in arguments and _takes_seed(self.network):
            arguments["seed"] = self.seed
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            return resolve_network(self.network, arguments)

    def to_json(self) -> str:
        """Return the member as JSON."""
        return json.dumps(asdict(self) | {"recipe": self.recipe.to_dict()}, indent=2, sort_keys=True)

    @staticmethod
    def from_file(path: Path) -> "Member":
        """Read a `member.json`.

        Raises:
            FileError: If it is not one.
        """
        content = check_fields(read_json(path), {"network": str, "recipe": dict}, str(path), "member of an ensemble")
        given = {key: kind for key, kind in _FIELDS.items() if key in content}
        check_fields(content, given, str(path), "member of an ensemble")
        recipe = check_fields(content.pop("recipe"), {"checkpoints": list}, str(path), "member of an ensemble")
        if unknown := set(content) - set(_FIELDS):
            raise FileError(f"{path}: not a member of an ensemble: it has a field {sorted(unknown)[0]!r:.80}")
        if not 0 <= content.get("seed", 0) < 1 << 63:
            raise FileError(f"{path}: not a member of an ensemble: its seed is {content['seed']}")
        try:
            values: dict[str, Any] = recipe | {"checkpoints": tuple(recipe["checkpoints"])}
            return Member(**content, recipe=Recipe(**values))
        except (ValueError, TypeError) as error:
            raise FileError(f"{path}: not a member of an ensemble: its recipe is damaged ({reason(error)})") from error


def grid(
    network: str,
    *,
    recipe: Recipe,
    seeds: Sequence[int],
    widths: Sequence[float | int | None] = (None,),
    kwargs: Sequence[Mapping[str, Any]] = ({},),
    data: Mapping[str, Any] | None = None,
    test: Mapping[str, Any] | None = None,
) -> list[Member]:
    """Return one member for each combination of arguments, width and seed, seeds running fastest.

    Args:
        network: Name of a reference network or `"package.module:factory"`.
        recipe: How all are trained.
        seeds: Seeds.
        widths: Widths; None passes none to the factory.
        kwargs: Sets of further arguments of the factory.
        data: Arguments of `rainbownet.data.load`; the digits by default.
        test: The same for test images.

    Returns:
        The members.

    Raises:
        DataError: If a list is empty or none, or a member cannot be meant.

    Example:
        >>> members = grid("vgg", recipe=Recipe(epochs=1, lr=0.1), seeds=range(2), widths=[0.5, 1])
        >>> [(member.width, member.seed) for member in members]
        [(0.5, 0), (0.5, 1), (1, 0), (1, 1)]
    """
    data = {"source": "digits"} if data is None else data
    for name, values, what in (
        ("seeds", seeds, "whole numbers"),
        ("widths", widths, "factors"),
        ("kwargs", kwargs, "dictionaries"),
    ):
        if not len(sequence_of(name, values, what, error=DataError)):
            raise DataError(f"{name} is empty; one at least is needed")
    return [
        Member(network, recipe, seed, width, arguments, data, test)
        for arguments, width, seed in itertools.product(kwargs, widths, seeds)
    ]


def _takes_seed(spec: str) -> bool:
    name, given = split_arguments(spec)
    if ":" not in name or "seed" in given:
        return "seed" not in given
    try:
        return "seed" in inspect.signature(find_factory(name)).parameters
    except (TypeError, ValueError):
        return False
