"""Sharing on the hub, without it: addresses, a filled local cache, an upload that is caught, and the card."""

import re
import sys
from pathlib import Path

import huggingface_hub
import pytest
import torch
from torch import nn

import rainbownet as rn
from rainbownet.errors import FileError, MissingExtra, RainbowError
from rainbownet.sharing.address import Address
from rainbownet.sharing.card import table

COMMIT = "0123456789abcdef0123456789abcdef01234567"
INPUTS = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
LOADER = [INPUTS]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


LABELLED = [(INPUTS, network()(INPUTS).argmax(1))]


class Odd(nn.Module):
    """A network that no file can hold: its activation is of the user's own."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(swish(self.first(x)))


@torch.fx.wrap
def swish(x):
    if x.isnan().any():  # so that it cannot be traced through
        raise ValueError("not a number")
    return x * torch.sigmoid(x)


@pytest.fixture(scope="module")
def rainbow():
    return rn.fit(network(), LOADER)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return a function that puts a rainbow into a local cache, with the hub out of reach."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def fill(rainbow, *, revision="main", file="rainbow.safetensors", **options):
        place = tmp_path / "models--ada--digits"
        (place / "refs").mkdir(parents=True, exist_ok=True)
        (place / "refs" / revision).write_text(COMMIT)
        (place / "snapshots" / COMMIT).mkdir(parents=True, exist_ok=True)
        rainbow.save(place / "snapshots" / COMMIT / file, **options)

    return fill


@pytest.fixture
def sent(monkeypatch, tmp_path):
    """Catch what would be uploaded: its arguments, and the files by name."""
    seen = {}

    def create(self, repo_id, *, private, exist_ok):
        seen.update(repo=repo_id, private=private, exist_ok=exist_ok, token=self.token)

    def upload(self, *, repo_id, folder_path, commit_message, revision):
        seen["files"] = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        seen["message"] = commit_message
        url = f"https://huggingface.co/{repo_id}/commit/{COMMIT}"
        return huggingface_hub.CommitInfo(commit_url=url, commit_message="", commit_description="", oid=COMMIT)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    return seen


def test_a_rainbow_in_the_cache_is_read_without_the_hub(rainbow, cache):
    cache(rainbow)
    read = rn.load("hf://ada/digits")
    for name, law in rainbow.laws.items():
        assert torch.allclose(read.laws[name].neurons(), law.neurons(), atol=1e-6)


def test_a_revision_and_a_file_can_be_named(rainbow, cache):
    cache(rainbow, revision="v2", file="small.rainbow")
    assert rn.load("hf://ada/digits@v2/small.rainbow").laws.keys() == rainbow.laws.keys()
    with pytest.raises(FileError, match="hf://ada/digits@v1"):
        rn.load("hf://ada/digits@v1")


def test_what_is_not_in_the_cache_cannot_be_had_without_the_hub(cache):
    with pytest.raises(FileError, match="hf://ada/none: cannot be loaded") as caught:
        rn.load("hf://ada/none")
    assert "\n" not in str(caught.value)


def test_no_factory_of_a_shared_file_is_called_without_trust(cache, monkeypatch):
    calls = []

    def factory():
        calls.append(1)
        return Odd()

    monkeypatch.setattr(sys.modules[__name__], "factory", factory, raising=False)
    monkeypatch.setitem(sys.modules, "shared_odd", sys.modules[__name__])
    cache(rn.fit(Odd(), LOADER), architecture="shared_odd:factory")
    calls.clear()
    with pytest.raises(FileError, match="code that a file may not run"):
        rn.load("hf://ada/digits")
    assert not calls
    assert len(rn.load("hf://ada/digits", network=Odd()).laws) == 1
    assert not calls
    rn.load("hf://ada/digits", trust=True)
    assert calls


@pytest.mark.parametrize("text", ["hf://ada", "hf://", "hf://ada/b/../c", "hf://a b/c", "hf://a/b@", "hf://a/b@x@y"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(FileError, match="is no address of a rainbow"):
        rn.load(text)


@pytest.mark.parametrize("text", ["hf://a/b", "hf://a/b@v1", "hf://a/b/c.rainbow", "hf://a/b@v1/c/d.rainbow"])
def test_an_address_is_written_as_it_is_read(text):
    assert str(Address.parse(text)) == text


def test_what_is_pushed_is_read_again(rainbow, cache, sent, tmp_path):
    url = rainbow.push_to_hub("ada/digits", private=True, message="First", token="secret")
    assert url.endswith(COMMIT)
    assert (sent["repo"], sent["private"], sent["exist_ok"]) == ("ada/digits", True, True)
    assert (sent["message"], sent["token"]) == ("First", "secret")
    assert set(sent["files"]) == {"README.md", "rainbow.safetensors"}
    (tmp_path / "again.rainbow").write_bytes(sent["files"]["rainbow.safetensors"])
    assert rn.load(tmp_path / "again.rainbow").laws.keys() == rainbow.laws.keys()


def test_the_card_has_the_laws_and_every_accuracy_beside_its_companions(rainbow, sent):
    rainbow.push_to_hub("ada/digits", LOADER, test=LABELLED, widths=(2,), license="mit")
    card = sent["files"]["README.md"].decode()
    expected = rainbow.draw(LOADER, width=2).baselines(LABELLED)
    for name, accuracy in zip(expected["network"], expected["accuracy"], strict=True):
        assert re.search(rf"\| 2 \| {name} \|.* {100 * accuracy:.1f} % \|", card)
    for name, law in rainbow.laws.items():
        assert re.search(rf"^\| {name} \| {len(law.neurons())} \| {len(law.mean)} \| {law.rank} \|", card, re.MULTILINE)
    data = huggingface_hub.ModelCard(card).data
    assert (data.library_name, data.license) == ("rainbownet", "mit")


def test_the_code_of_a_card_runs(rainbow, cache, sent):
    cache(rainbow)
    rainbow.push_to_hub("ada/digits", LOADER)
    card = sent["files"]["README.md"].decode()
    assert "None was measured." in card
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    names = {"loader": LOADER}
    exec(code[1], names)
    assert names["net"].state_dict()["0.weight"].shape == (32, 6)


def test_a_card_says_that_a_factory_is_needed(sent, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "factory", Odd, raising=False)
    monkeypatch.setitem(sys.modules, "shared_odd", sys.modules[__name__])
    rn.fit(Odd(), LOADER).push_to_hub("ada/odd", architecture="shared_odd:factory")
    card = sent["files"]["README.md"].decode()
    assert "network=net" in card
    assert "shared_odd:factory" in card


def test_text_of_a_card_is_text():
    import pandas as pd

    line = table(pd.DataFrame({"a": ["<script>|`x`[y](z)\n# no"]}), {"a": ("A", "text")}).splitlines()[-1]
    assert line == r"| &lt;script>\|\`x\`\[y](z) # no |"


def test_accuracies_without_images_to_align_on_are_refused_before_anything_is_sent(rainbow, sent):
    with pytest.raises(RainbowError, match="give loader="):
        rainbow.push_to_hub("ada/digits", test=LABELLED)
    assert not sent


def test_what_would_be_sent_can_be_looked_at_first(rainbow, sent, tmp_path):
    folder = tmp_path / "deep" / "shared"
    assert rainbow.push_to_hub("ada/digits", folder=folder) == str(folder)
    assert {path.name for path in folder.iterdir()} == {"README.md", "rainbow.safetensors"}
    assert not sent


def test_a_hub_that_refuses_is_an_error_of_one_line(rainbow, sent, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise OSError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(FileError, match=r"^hf://ada/digits: cannot be written \(OSError: no network\)$"):
        rainbow.push_to_hub("ada/digits")


def test_without_the_package_the_extra_is_named(rainbow, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: rn.load("hf://ada/digits"), lambda: rainbow.push_to_hub("ada/digits")):
        with pytest.raises(MissingExtra, match=r"rainbownet\[train\]"):
            call()


def test_a_file_of_this_machine_is_read_without_the_package(rainbow, monkeypatch, tmp_path):
    rainbow.save(tmp_path / "own.rainbow")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert rn.load(tmp_path / "own.rainbow").laws.keys() == rainbow.laws.keys()
