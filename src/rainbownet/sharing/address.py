"""Addresses of rainbows on the hub: `hf://owner/name@revision/file`."""

import re
from dataclasses import dataclass
from typing import Any

from rainbownet.errors import FileError

SCHEME = "hf://"

FILE = "rainbow.safetensors"
"""The file of a repository that an address without one means: a rainbow file, under the ending that the hub knows."""

_PARTS = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/@\s]+))?(?:/(?P<file>[^@\s]+))?", re.ASCII)


@dataclass(frozen=True)
class Address:
    """Where a rainbow is on the hub.

    Attributes:
        repo: `owner/name`.
        revision: A branch, tag or commit.
        file: The file in the repository.
    """

    repo: str
    revision: str = "main"
    file: str = FILE

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address.

        Raises:
            FileError: If it is none.

        Example:
            >>> Address.parse("hf://ada/digits@v2")
            Address(repo='ada/digits', revision='v2', file='rainbow.safetensors')
        """
        found = _PARTS.fullmatch(text)
        if found is None or ".." in text:
            raise FileError(f"{text!r:.200} is no address of a rainbow; hf://owner/name or hf://owner/name@revision is")
        return cls(**{part: value for part, value in found.groupdict().items() if value is not None})

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision != "main" else ""
        return f"{SCHEME}{self.repo}{revision}" + (f"/{self.file}" if self.file != FILE else "")


def is_address(path: Any) -> bool:
    """Return whether a path is an address of the hub and not of this machine."""
    return isinstance(path, str) and path.startswith(SCHEME)
