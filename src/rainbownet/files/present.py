"""Whether there is a file to be read: regular, of a possible name, open to us."""

import os
import stat
from os import PathLike
from pathlib import Path

from rainbownet.errors import FileError
from rainbownet.files.reason import reason


def present(path: str | PathLike[str], what: str) -> Path:
    """Return the path of a file that is there; a pipe or a device, which may never end, is not one.

    Args:
        path: The file.
        what: What is needed, for messages.

    Raises:
        FileError: If it is absent, a folder, no regular file, cannot be read, or the name is impossible.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise FileError(f"{path}: no such file; {what} is needed") from error
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read ({reason(error)})") from error
    if stat.S_ISDIR(mode):
        raise FileError(f"{path}: a folder; {what} is needed")
    if not stat.S_ISREG(mode):
        raise FileError(f"{path}: no regular file; {what} is needed")
    if not os.access(path, os.R_OK):
        raise FileError(f"{path}: cannot be read (Permission denied)")
    return path
