"""Sharing a rainbow: its file and its card, to a repository of the hub."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rainbownet.checks import path_of
from rainbownet.errors import RainbowError
from rainbownet.extras import require
from rainbownet.files.write import write_text
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.file import factory_needed, save
from rainbownet.sharing.address import Address
from rainbownet.sharing.card import write_card
from rainbownet.sharing.hub import upload


def push_to_hub(
    rainbow: RainbowData,
    repo: str,
    loader: Any = None,
    *,
    test: Any = None,
    widths: Sequence[float | int] = (1, 2),
    seed: int = 0,
    license: str | None = None,
    architecture: str | None = None,
    kwargs: dict[str, Any] | None = None,
    folder: str | PathLike[str] | None = None,
    private: bool | None = None,
    message: str | None = None,
    token: str | None = None,
) -> str:
    """Share a rainbow; see `rainbownet.Rainbow.push_to_hub`, which has its arguments and errors."""
    address = Address.parse(f"hf://{repo}")
    require("huggingface_hub", extra="train")
    if test is not None and loader is None:
        raise RainbowError("test: samples are aligned before they classify; give loader= as well")
    with TemporaryDirectory(prefix="rainbownet-") as place:
        here = Path(place if folder is None else path_of("folder", folder))
        here.mkdir(parents=True, exist_ok=True)
        save(rainbow, here / address.file, architecture=architecture, kwargs=kwargs)
        card = write_card(
            rainbow,
            address,
            loader,
            test=test,
            widths=widths,
            seed=seed,
            license=license,
            factory=factory_needed(here / address.file),
        )
        write_text(here / "README.md", card)
        return str(here) if folder else upload(here, address, private=private, message=message, token=token)
