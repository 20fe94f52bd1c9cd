"""Options that go to JSON and back by name: what files and the command line call an alignment or a law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

from rainbownet.errors import RainbowError

T = TypeVar("T", bound="Option")


class Option:
    """Base of the frozen dataclasses whose fields are numbers, strings or further options.

    Attributes:
        name: What the option is called in files and on the command line.
    """

    name: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the name and the fields, ready for JSON.

        Returns:
            A dictionary that `from_dict` of the option's room turns back into an equal object.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # pyright: ignore[reportArgumentType]
        return {"name": self.name} | {k: v.to_dict() if isinstance(v, Option) else v for k, v in values.items()}


def read_option(data: Mapping[str, Any], registry: Mapping[str, type[T]], error: type[RainbowError], kind: str) -> T:
    """Build an option from its name and fields.

    Args:
        data: What `to_dict` returned; absent fields take their defaults.
        registry: The known classes by name.
        error: What to raise.
        kind: What the option is, for messages.

    Returns:
        The option.

    Raises:
        RainbowError: The given `error`, if the name or a field is unknown.
    """
    name = data.get("name", "")
    if name not in registry:
        raise error(f"no {kind} is called {name!r}; there are {', '.join(sorted(registry))}")
    option = registry[name]
    known = {f.name for f in fields(option)}  # pyright: ignore[reportArgumentType]
    unknown = set(data) - known - {"name"}
    if unknown:
        has = ", ".join(sorted(known)) or "no fields"
        raise error(f"{kind} {name!r} has no field {', '.join(sorted(unknown))}; it has {has}")
    values = {key: value for key, value in data.items() if key != "name"}
    nested = {k: read_option(v, registry, error, kind) if isinstance(v, Mapping) else v for k, v in values.items()}
    return option(**nested)
