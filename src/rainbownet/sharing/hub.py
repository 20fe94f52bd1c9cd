"""The hub: a file comes into the local cache, a folder goes up; what goes wrong is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rainbownet.errors import FileError
from rainbownet.extras import require
from rainbownet.sharing.address import Address


def download(address: Address, *, token: str | None = None) -> Path:
    """Return the file at an address: from the hub, or the local cache where it has the file or the hub is out of reach.

    Args:
        address: Where it is.
        token: A token of the hub, for private repositories; by default the one that was logged in with.

    Raises:
        FileError: If there is no such repository, revision or file, or the hub cannot be reached.
        MissingExtra: Without `huggingface_hub`.
    """
    hub = _hub()
    with _blamed(f"{address}: cannot be loaded"):
        return Path(hub.hf_hub_download(address.repo, address.file, revision=address.revision, token=token))


def upload(
    folder: Path, address: Address, *, private: bool | None = None, message: str | None = None, token: str | None = None
) -> str:
    """Write the files of a folder to a repository of the hub, which is made if there is none.

    Args:
        folder: Where the files are.
        address: Where to.
        private: Whether a repository that is made is private; as the hub has it by default.
        message: Of the commit.
        token: A token of the hub that may write; by default the one that was logged in with.

    Returns:
        The address of the commit, as the hub gives it.

    Raises:
        FileError: If the hub refuses the files or cannot be reached.
        MissingExtra: Without `huggingface_hub`.
    """
    api = _hub().HfApi(token=token)
    with _blamed(f"{address}: cannot be written"):
        api.create_repo(address.repo, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=address.repo,
            folder_path=folder,
            commit_message=message or "Rainbow and its card",
            revision=address.revision,
        )
    return str(commit.commit_url)


def _hub() -> Any:
    return require("huggingface_hub", extra="train")


@contextmanager
def _blamed(what: str) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into an error of one line."""
    errors: Any = require("huggingface_hub.errors", extra="train")
    kinds = (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HFValidationError, OSError)
    try:
        yield
    except kinds as error:
        said = " ".join(str(error).split())
        raise FileError(f"{what} ({type(error).__name__}: {said:.300})") from error
