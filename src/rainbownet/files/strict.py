"""Strict JSON: objects with a key twice, NaN and infinities, and nesting beyond reason are refused, not guessed at."""

import json
import os
from collections.abc import Mapping
from types import UnionType
from typing import Any, NoReturn

from rainbownet.errors import FileError
from rainbownet.files.present import present

DEPTH = 100
"""Levels of lists and objects inside one another; no file of ours has more than twenty."""


_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}


def parse_json(text: str | bytes, origin: str, *, finite: bool = True) -> Any:
    """Read JSON from a text that may come from anyone.

    Args:
        text: The JSON.
        origin: Where it comes from, for messages.
        finite: Whether to refuse NaN and infinities, which are not JSON though Python writes them.

    Returns:
        The value.

    Raises:
        FileError: If it is not JSON, has a key twice, a number that is not finite (if `finite`), or more than 100
            levels.

    Example:
        >>> parse_json('{"a": [1, 2.5]}', "x.rainbow")
        {'a': [1, 2.5]}
        >>> parse_json('{"a": 1, "a": 2}', "x.rainbow")
        Traceback (most recent call last):
        rainbownet.errors.FileError: x.rainbow: not valid JSON (the key 'a' stands twice in one object)
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        numbers = {"parse_constant": _refuse, "parse_float": _finite} if finite else {}
        return _shallow(json.loads(text, object_pairs_hook=_unique, **numbers))
    except RecursionError as error:
        raise FileError(f"{origin}: not valid JSON (more than {DEPTH} lists and objects inside one another)") from error
    except ValueError as error:
        raise FileError(f"{origin}: not valid JSON ({error})") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file, as strictly as `parse_json`.

    Raises:
        FileError: If it is absent, cannot be read, or is not such JSON.
    """
    path = present(path, "a JSON file")
    return parse_json(path.read_bytes(), str(path))


def check_fields(value: Any, fields: Mapping[str, type | UnionType], origin: str, what: str) -> dict[str, Any]:
    """Return a JSON object after checking that it has some fields of some types; others may stand beside them.

    Args:
        value: What was read.
        fields: Names → types; truth values are no numbers.
        origin: The file, for messages.
        what: What the object describes, for messages.

    Raises:
        FileError: If it is no object, or a field is absent or of another type.
    """
    if not isinstance(value, dict):
        raise FileError(f"{origin}: not a complete {what}: {_kind(value)} instead of an object")
    for name, kind in fields.items():
        if name not in value:
            raise FileError(f"{origin}: not a complete {what}: its field {name!r} is missing")
        found = value[name]
        kinds: Any = getattr(kind, "__args__", (kind,))
        if not isinstance(found, kind) or (isinstance(found, bool) and bool not in kinds):
            needed = " or ".join(_NAMES[k] for k in kinds)
            raise FileError(
                f"{origin}: not a complete {what}: its field {name!r} is {_kind(found)} instead of {needed}"
            )
    return value


def _shallow(value: Any) -> Any:
    """Return a value after checking how deep it is nested, without recursion."""
    level = [value]
    for _ in range(DEPTH):
        level = [
            item
            for parent in level
            if isinstance(parent, (dict, list))
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return value
    raise ValueError(f"more than {DEPTH} lists and objects inside one another")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {double!r} stands twice in one object")
    return result


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds the number {constant}")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        _refuse(text)
    return value


def _kind(value: Any) -> str:
    return _NAMES[type(value)]
