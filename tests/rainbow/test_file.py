"""Rainbows on disk: the same after a round trip, refused when foreign, whole or not there at all."""

import errno
import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import rainbownet as rn
from cases import CASES, TOLERANCE, distance
from rainbownet.errors import ArchitectureError, FileError, RainbowError, UnsupportedOp
from rainbownet.graph.rules import table
from rainbownet.graph.rules.elementwise import pointwise
from rainbownet.graph.rules.table import Operation


@pytest.fixture
def saved(tmp_path):
    case = CASES["norm_first"]
    rainbow = rn.fit(case.network(), [case.images()])
    rainbow.save(tmp_path / "a.rainbow")
    return tmp_path / "a.rainbow"


def test_save_load_save_is_byte_equal_and_computes_the_same(case, tmp_path):
    net, images = case.network(), case.images()
    rainbow = rn.fit(net, [images])
    size = rainbow.save(tmp_path / "one")
    for network in (None, case.network(seed=9)):
        again = rn.load(tmp_path / "one", network=network)
        again.save(tmp_path / "two")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
        assert (tmp_path / "one").stat().st_size == size
        assert distance(net, again.reference, images) < TOLERANCE
        assert again.preset == rainbow.preset
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_a_loaded_rainbow_draws_what_the_saved_one_does(case, tmp_path):
    images = case.images()
    rainbow = rn.fit(case.network(), [images])
    rainbow.save(tmp_path / "file")
    again = rn.load(tmp_path / "file")
    one, two = (r.draw([images], width=2, draw="gaussian") for r in (rainbow, again))
    for name, (rows, _) in one.rows.items():
        torch.testing.assert_close(two.rows[name][0], rows, rtol=1e-4, atol=1e-5)
    assert one.network(images).shape == two.network(images).shape


class Cube(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x**3


def test_a_network_with_modules_of_its_own_needs_network_or_architecture(tmp_path, monkeypatch):
    monkeypatch.setitem(table.MODULES, Cube, Operation(pointwise, leaf=True))
    net = nn.Sequential(nn.Linear(4, 8), Cube(), nn.Linear(8, 3))
    images = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    rainbow = rn.fit(net, [images])
    with pytest.raises(UnsupportedOp, match=r"'1' \(.*Cube\) is not one of torch.nn.*architecture="):
        rainbow.save(tmp_path / "file")
    assert not list(tmp_path.iterdir())
    for spec, says in {"nowhere.to_be:found": "cannot be imported", "torch.nn:Identity": "'0.bias' is absent"}.items():
        with pytest.raises(ArchitectureError, match=says):
            rainbow.save(tmp_path / "file", architecture=spec)
    assert not list(tmp_path.iterdir())
    made = []

    def cubed(hidden):
        made.append(hidden)
        return nn.Sequential(nn.Linear(4, hidden), Cube(), nn.Linear(hidden, 3))

    monkeypatch.setattr(nn, "cubed", cubed, raising=False)
    rainbow.save(tmp_path / "file", architecture="torch.nn:cubed", kwargs={"hidden": 8})
    with pytest.raises(FileError, match=r"made by 'torch.nn:cubed', code .*network=.*trust=True"):
        rn.load(tmp_path / "file")
    assert made == [8]
    again = rn.load(tmp_path / "file", trust=True)
    assert made == [8, 8]
    assert distance(net, again.reference, images) < TOLERANCE
    again = rn.load(tmp_path / "file", network=nn.Sequential(nn.Linear(4, 8), Cube(), nn.Linear(8, 3)))
    assert distance(net, again.reference, images) < TOLERANCE


@pytest.mark.filterwarnings("ignore:law:rainbownet.errors.RainbowWarning")
def test_the_rank_of_a_law_decides_the_size_of_the_file(tmp_path):
    case = CASES["resnet"]
    sizes = [
        rn.fit(case.network(), [case.images()], law=rn.Gaussian(rank=rank)).save(tmp_path / "file")
        for rank in (1, 2, 4)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind_and_the_old_file_whole(saved, monkeypatch, call):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    case = CASES["mlp"]
    rainbow = rn.fit(case.network(), [case.images()])
    monkeypatch.setattr(os, call, full)
    with pytest.raises(FileError, match=r"a\.rainbow: cannot be written \(No space left on device\)"):
        rainbow.save(saved)
    assert [p.name for p in saved.parent.iterdir()] == ["a.rainbow"]
    assert saved.read_bytes() == before


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    case = CASES["mlp"]
    with pytest.raises(FileError, match=r"missing/a\.rainbow: cannot be written"):
        rn.fit(case.network(), [case.images()]).save(tmp_path / "missing" / "a.rainbow")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        rn.load(tmp_path / "nothing")


@pytest.mark.parametrize("keep", [0, 7, 100, 0.5, -1])
def test_a_truncated_file_is_refused(saved, keep):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(FileError, match=r"a\.rainbow: damaged, cut short, or not a rainbow file"):
        rn.load(saved)


def test_other_files_are_refused_and_never_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    torch.save(Evil(), tmp_path / "pickle")
    (tmp_path / "text").write_text("not a rainbow")
    save_file({"x": torch.zeros(2)}, tmp_path / "tensors")
    for name in ("pickle", "text", "tensors"):
        with pytest.raises(FileError, match=rf"{name}: .*(not a rainbow|not one that Rainbow.save wrote)"):
            rn.load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def _rewritten(path, change) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = json.loads(file.metadata()["rainbownet"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(metadata, tensors)
    save_file(tensors, path, metadata={"rainbownet": json.dumps(metadata)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, t: m.update(format=99), "written in format 99; .* reads up to 3: upgrade"),
        (lambda m, t: m.pop("preset"), "not a complete rainbow file"),
        (lambda m, t: m.pop("laws"), "not a complete rainbow file"),
        (lambda m, t: m["laws"].pop("0"), "'0'"),
        (lambda m, t: t.pop("law/0/mean"), "law of population '0' is damaged .*mean"),
        (lambda m, t: t.pop("kept/8.weight"), r"8\.weight"),
        (lambda m, t: t.update({"kept/8.weight": torch.zeros(1, 2)}), r"8\.weight"),
        (lambda m, t: t.update({"law/0/factor": torch.zeros(2, 3)}), "'0'"),
        (lambda m, t: t.update({"law/0/coordinates": torch.zeros(3, 8)}), "'0'"),
        (lambda m, t: m["preset"]["law"].update(name="poisson"), "no law is called 'poisson'"),
        (lambda m, t: m["program"]["modules"]["0"].update({"class": "Banana"}), "torch.nn.Banana"),
        (lambda m, t: m["program"]["modules"]["0"]["arguments"].update(kernel=3), "cannot be rebuilt"),
        (lambda m, t: m["program"]["nodes"].pop(1), "cannot be rebuilt"),
        (lambda m, t: m["example"].update(dtype="torch.spam"), "not a complete rainbow file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_with_missing_or_odd_contents_are_refused(saved, change, message):
    _rewritten(saved, change)
    with pytest.raises(RainbowError, match=message):
        rn.load(saved)


@pytest.mark.parametrize("target", ["builtins:exec", "builtins:eval", "torch:load", "torch:save", "os:system"])
def test_a_file_cannot_name_functions_beyond_the_known_ones(saved, target):
    def change(metadata, tensors):
        node = next(n for n in metadata["program"]["nodes"] if n["op"] == "call_module")
        node.update(op="call_function", target=target)

    _rewritten(saved, change)
    with pytest.raises(FileError, match=f"'{target}', which is not allowed"):
        rn.load(saved)


@pytest.mark.parametrize("target", ["__reduce__", "_make_subclass", "nothing"])
def test_a_file_cannot_name_methods_beyond_those_of_tensors(saved, target):
    def change(metadata, tensors):
        node = next(n for n in metadata["program"]["nodes"] if n["op"] == "call_module")
        node.update(op="call_method", target=target)

    _rewritten(saved, change)
    with pytest.raises(FileError, match="not allowed"):
        rn.load(saved)


def test_loading_into_another_network_says_what_differs(saved):
    other = CASES["mlp"].network()
    with pytest.raises(RainbowError, match=r"norm|layer|population|evaluated"):
        rn.load(saved, network=other)
    wider = CASES["norm_first"].build()
    wider[0], wider[1], wider[3] = (
        nn.Conv2d(3, 9, 3, padding=1, bias=False),
        nn.BatchNorm2d(9),
        nn.Conv2d(9, 12, 3, 2, 1),
    )
    with pytest.raises(ArchitectureError, match=r"a\.rainbow"):
        rn.load(saved, network=wider)
