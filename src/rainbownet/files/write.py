"""Writing a file: all of it or nothing, with the mode a plain `open` gives; what is no file is written through."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from rainbownet.errors import FileError, RainbowError
from rainbownet.files.reason import reason


@contextmanager
def replacing(path: str | PathLike[str], *, parents: bool = False) -> Iterator[Path]:
    """Give the name of a temporary file that takes the place of another when the block ends without an error.

    A link stays, and what it points to is replaced. A file that was there keeps its mode, a new one gets that of the
    umask. A device or a pipe is not replaced: what was written is copied into it.

    Args:
        path: The file.
        parents: Whether to make the folders above it.

    Yields:
        Where to write instead.

    Raises:
        FileError: If it cannot be written; what was there before is untouched and nothing is left behind.
    """
    path = Path(path)
    if parents:
        make_folder(path.parent)
    try:
        before = _status(path)
        if before is None or stat.S_ISREG(before.st_mode):
            with _beside(Path(os.path.realpath(path)), before) as temporary:
                yield temporary
        else:
            with _through(path, before) as temporary:
                yield temporary
    except RainbowError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be written ({reason(error)}); nothing was left behind") from error


def write_file(path: str | PathLike[str], data: bytes, *, parents: bool = False) -> int:
    """Write bytes to a file so that it holds all of them or is untouched; see `replacing`.

    Args:
        path: The file.
        data: What to write.
        parents: Whether to make the folders above it.

    Returns:
        Number of bytes.

    Raises:
        FileError: If they cannot be written.
    """
    with replacing(path, parents=parents) as temporary:
        temporary.write_bytes(data)
    return len(data)


def write_text(path: str | PathLike[str], text: str, *, parents: bool = False) -> int:
    """Write text in UTF-8; see `write_file`."""
    return write_file(path, text.encode(), parents=parents)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        FileError: If that cannot be done.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: the folder cannot be made ({reason(error)})") from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a file and see it onto the disk.

    Raises:
        FileError: If it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({reason(error)})") from error


def check_writable(*paths: str | PathLike[str] | None) -> None:
    """Refuse files that cannot be written, before the work is done whose result they are to hold.

    Args:
        paths: The files; those that are None are not asked for.

    Raises:
        FileError: If a folder is missing, the name is that of a folder or too long, or writing is not permitted.
    """
    for path in paths:
        if path is not None:
            _check(Path(path))


def _check(path: Path) -> None:
    try:
        before = _status(path)
        # Of a link that leads nowhere yet it is the folder of its target that has to be there.
        parent = Path(os.path.realpath(path)).parent
        place, what = (parent, f"the folder {parent}") if before is None else (path, "it")
        if before is None and not parent.is_dir():
            state = f"{parent} is no folder" if parent.exists() else f"there is no folder {parent}; make it first"
            raise FileError(f"{path}: cannot be written, {state}")
        if not os.access(place, os.W_OK):
            raise FileError(f"{path}: cannot be written, {what} is read-only")
    except RainbowError:
        raise
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be written ({reason(error)})") from error


def _status(path: Path) -> os.stat_result | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise FileError(f"{path}: a folder; the name of a file is needed")
    return status


@contextmanager
def _beside(target: Path, before: os.stat_result | None) -> Iterator[Path]:
    """Give a temporary file in the folder of a regular one, and move it into place."""
    if before is not None and not os.access(target, os.W_OK):
        raise FileError(f"{target}: cannot be written (it is read-only); nothing was left behind")
    # Its name is short, so that every name a file may have can be written.
    temporary = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            mode = os.fstat(file.fileno()).st_mode if before is None else before.st_mode
        yield temporary
        # Some writers put a file of their own mode in the place of the one they were given.
        temporary.chmod(stat.S_IMODE(mode))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _through(path: Path, before: os.stat_result) -> Iterator[Path]:
    """Give a temporary file elsewhere, and copy it into a device or a pipe."""
    if stat.S_ISSOCK(before.st_mode):
        raise FileError(f"{path}: a socket, which cannot be written; the name of a file is needed")
    with tempfile.TemporaryDirectory(prefix="rainbownet-") as folder:
        temporary = Path(folder) / "content"
        yield temporary
        with temporary.open("rb") as source, path.open("wb", buffering=0) as file:
            shutil.copyfileobj(source, file)
