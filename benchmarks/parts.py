"""Folders of data as one archive cut into parts of a size that can be sent, with a hash of each."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

MANIFEST = "parts.json"


def pack(data: Path, parts: Path, *, mib: Annotated[float, Parameter(validator=Number(gt=0))] = 48.0) -> None:
    """Write a folder of data as parts.

    Args:
        data: The folder, such as that of `cifar10` and `cifar100`.
        parts: Where the parts go.
        mib: Size of a part, in MiB.
    """
    if not data.is_dir():
        raise SystemExit(f"DATA is {str(data)!r}, which is no folder")
    parts.mkdir(parents=True, exist_ok=True)
    writer = _Writer(parts, int(mib * 2**20))
    with tarfile.open(fileobj=writer, mode="w|") as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for path in sorted(data.iterdir()):
            archive.add(path, arcname=path.name)
    writer.close()
    (parts / MANIFEST).write_text(json.dumps(writer.hashes, indent=1) + "\n")
    print(f"{parts}: {len(writer.hashes)} parts")


def unpack(parts: Path, data: Path) -> None:
    """Join parts again.

    Args:
        parts: Where the parts are.
        data: Folder that is written.
    """
    if not (parts / MANIFEST).is_file():
        raise SystemExit(f"PARTS is {str(parts)!r}, in which there is no {MANIFEST}")
    hashes: dict[str, str] = json.loads((parts / MANIFEST).read_text())
    for name, wanted in hashes.items():
        path = parts / Path(name).name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            raise SystemExit(f"{path}: it is {'not as it was packed' if path.is_file() else 'missing'}; send it again")
    data.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=_Reader(parts, list(hashes)), mode="r|") as archive:  # pyright: ignore
        archive.extractall(data, filter="data")
    print(f"{data}: {', '.join(sorted(path.name for path in data.iterdir()))}")


class _Writer:
    """A file in parts."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size, self.waiting = folder, max(size, 1), bytearray()
        self.hashes: dict[str, str] = {}

    def write(self, content: bytes) -> int:
        self.waiting += content
        while len(self.waiting) >= self.size:
            self._cut(self.size)
        return len(content)

    def close(self) -> None:
        if self.waiting:
            self._cut(len(self.waiting))

    def _cut(self, size: int) -> None:
        content, self.waiting = bytes(self.waiting[:size]), self.waiting[size:]
        name = f"part-{len(self.hashes):04d}"
        (self.folder / name).write_bytes(content)
        self.hashes[name] = hashlib.sha256(content).hexdigest()


class _Reader:
    """Parts as a file."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.chunks, self.waiting = self._chunks(folder, names), b""

    @staticmethod
    def _chunks(folder: Path, names: list[str]) -> Iterator[bytes]:
        for name in names:
            with (folder / name).open("rb") as file:
                yield from _blocks(file)

    def read(self, size: int) -> bytes:
        while len(self.waiting) < size and (chunk := next(self.chunks, b"")):
            self.waiting += chunk
        found, self.waiting = self.waiting[:size], self.waiting[size:]
        return found


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(2**20):
        yield block
