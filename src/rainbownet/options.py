"""Options that go to JSON and text and back by name: what files and the command line call an alignment or a law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    def to_text(self) -> str:
        """Return the name and the fields that are not as by default, in one line that is read as an option again.

        Example:
            >>> from rainbownet.laws import Gaussian, Smoothed
            >>> Gaussian().to_text(), Smoothed(0.25, base=Gaussian(rank=16, mean=False)).to_text()
            ('gaussian', 'smoothed:h=0.25,base.mean=false,base.rank=16')
        """
        return ":".join(filter(None, (self.name, ",".join(self._fields_as_text("")))))

    def _fields_as_text(self, prefix: str) -> Iterator[str]:
        for f in fields(self):  # pyright: ignore[reportArgumentType]
            value = getattr(self, f.name)
            default = f.default_factory() if callable(f.default_factory) else f.default
            if value == default:
                continue
            if isinstance(value, Option):
                if type(value) is not type(default):
                    yield f"{prefix}{f.name}={value.name}"
                yield from value._fields_as_text(f"{prefix}{f.name}.")
            else:
                yield f"{prefix}{f.name}={str(value).lower() if value is None or isinstance(value, bool) else value}"


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


def parse_option(text: str, registry: Mapping[str, type[T]], error: type[RainbowError], kind: str) -> T:
    """Build an option from one line of text: its name and, behind a colon, its fields.

    Args:
        text: Such as `"gaussian"`, `"gaussian:rank=32,mean=false"` or, for the fields of a field that is an option
            itself, `"smoothed:h=0.25,base=gaussian,base.rank=16"`. Values are numbers, `true`, `false`, `none`
            or words.
        registry: The known classes by name.
        error: What to raise.
        kind: What the option is, for messages.

    Returns:
        The option.

    Raises:
        RainbowError: The given `error`, if the text cannot be read, or the name or a field is unknown.

    Example:
        >>> from rainbownet.errors import LawError
        >>> from rainbownet.laws import LAWS
        >>> parse_option("gaussian:rank=32,mean=false", LAWS, LawError, "law").to_dict()["rank"]
        32
    """
    name, _, rest = text.strip().partition(":")
    data: dict[str, Any] = {"name": name.strip()}
    for part in rest.split(",") if rest.strip() else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            raise error(f"{kind} {text!r}: {part.strip()!r} is no field; write name:field=value,field=value")
        if key in data:
            raise error(f"{kind} {text!r}: the field {key!r} is given twice")
        data[key] = _value(value)
    return read_option(_nested(data, registry), registry, error, kind)


def as_option(value: Any, registry: Mapping[str, type[T]], base: type[T], error: type[RainbowError], kind: str) -> T:
    """Return an option given as an object, by name as `parse_option` reads it, or as the dictionary of a file.

    Args:
        value: What was given.
        registry: The known classes by name.
        base: The class all of them have in common.
        error: What to raise.
        kind: What the option is, for messages.

    Raises:
        RainbowError: The given `error`, if it is none of these.
    """
    if isinstance(value, base):
        return value
    if isinstance(value, str):
        return parse_option(value, registry, error, kind)
    if isinstance(value, Mapping):
        return read_option(value, registry, error, kind)
    if isinstance(value, type) and issubclass(value, base):
        raise error(f"{kind}: {value.__name__} is a class; make one of it, {value.__name__}()")
    raise error(f"{kind}: expected one of {', '.join(sorted(registry))} or such an object, got {value!r:.80}")


def _value(text: str) -> Any:
    """Read a number, true, false, none, or a word."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        number = float(text)
    except ValueError:
        return text
    return int(text) if text.lstrip("+-").isdigit() else number


def _nested(data: dict[str, Any], registry: Mapping[str, type[Option]]) -> dict[str, Any]:
    """Gather `base.rank` under `base`, whose name is that given as `base` or else that of its default."""
    inner: dict[str, dict[str, Any]] = {}
    for key in [key for key in data if "." in key]:
        outer, _, field = key.partition(".")
        inner.setdefault(outer, {})[field] = data.pop(key)
    owner = registry.get(data["name"])
    for f in fields(owner) if owner is not None else ():  # pyright: ignore[reportArgumentType]
        default = f.default_factory() if callable(f.default_factory) else f.default
        if isinstance(default, Option) and (f.name in inner or isinstance(data.get(f.name), str)):
            inner.setdefault(f.name, {}).setdefault("name", data.get(f.name, default.name))
    return data | {key: _nested(value, registry) if "name" in value else value for key, value in inner.items()}
