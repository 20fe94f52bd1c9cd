"""Networks from names and files: what is accepted, and how each refusal reads."""

import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rainbownet.errors import ArchitectureError, FileError
from rainbownet.naming import load_weights, resolve, resolve_network


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Complex(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(2, 3, dtype=torch.complex64, generator=generator))


def test_a_factory_is_found_by_module_and_name():
    assert isinstance(resolve_network("torch.nn:ReLU"), nn.ReLU)


@pytest.mark.parametrize(
    ("spec", "kwargs", "message"),
    [
        ("no_such_package.nets:make", {}, "cannot be imported"),
        ("torch.nn:NoSuchLayer", {}, "a function or class is needed"),
        ("torch.nn:Linear", {"in_features": 3}, "it takes .*out_features"),
        ("builtins:dict", {"a": 1}, "'builtins:dict' gave a dict; an nn.Module is needed"),
        ("torch:nn", {}, "'nn' in module 'torch' is a module; a function or class is needed, such as"),
        ("", {}, "spec is ''"),
        ("resnet20(0.5)", {}, "literal keyword arguments are needed, such as resnet20.width=2"),
        ("resnet20(width=__import__('os'))", {}, "literal keyword arguments"),
        ("resnet20(**{'width': 2})", {}, "literal keyword arguments"),
        ("resnet20(width=2", {}, "literal keyword arguments"),
        ("resnet20(width=2)()", {}, "literal keyword arguments"),
    ],
)
def test_every_failure_is_an_architecture_error_that_says_why(spec, kwargs, message):
    with pytest.raises(ArchitectureError, match=message):
        resolve_network(spec, kwargs)


def test_arguments_may_stand_behind_the_name():
    assert resolve("torch.nn:Linear(in_features=3, out_features=2)", bias=False).bias is None
    assert same(resolve("resnet20(width=0.25, seed=3)"), resolve("resnet20", width=0.25, seed=3))


def test_a_module_in_the_current_folder_is_found_and_the_path_given_back(tmp_path, monkeypatch):
    (tmp_path / "nets_of_mine.py").write_text("from torch import nn\nmake = nn.ReLU\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "nets_of_mine", raising=False)
    path = list(sys.path)
    assert isinstance(resolve("nets_of_mine:make"), nn.ReLU)
    assert sys.path == path


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "module._orig_mod."])
def test_weights_come_back_from_torch_checkpoints_however_wrapped(tmp_path, wrapper, prefix):
    source, target = network(1), network(2)
    state = {prefix + key: value for key, value in source.state_dict().items()}
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "net.pt")
    assert not same(source, target)
    assert same(source, load_weights(target, tmp_path / "net.pt"))


def test_weights_come_back_from_safetensors(tmp_path):
    source, target = network(1), network(2)
    save_file(source.state_dict(), tmp_path / "net.safetensors")
    assert same(source, load_weights(target, tmp_path / "net.safetensors"))


def test_complex_parameters_may_be_stored_as_pairs_of_reals(tmp_path):
    source, target = Complex(1), Complex(2)
    save_file({"weight": torch.view_as_real(source.weight.detach())}, tmp_path / "net.safetensors")
    assert same(source, load_weights(target, tmp_path / "net.safetensors"))


def test_a_checkpoint_from_before_batch_counts_loads(tmp_path):
    source, target = network(1), network(2)
    state = {key: value for key, value in source.state_dict().items() if "num_batches" not in key}
    torch.save(state, tmp_path / "net.pt")
    assert same(source, load_weights(target, tmp_path / "net.pt"))


def test_a_pickled_module_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "net.pt")
    with pytest.raises(FileError, match="never unpickled"):
        load_weights(nn.Linear(2, 2), tmp_path / "net.pt")


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a checkpoint, but long enough", b"PK\x03\x04 broken"])
def test_damaged_files_are_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=name):
        load_weights(nn.Linear(2, 2), tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        load_weights(nn.Linear(2, 2), tmp_path / "none.pt")


def test_a_dictionary_without_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "net.pt")
    with pytest.raises(FileError, match="keys 'epoch', 'lr'"):
        load_weights(nn.Linear(2, 2), tmp_path / "net.pt")


def test_wrong_keys_and_shapes_are_named(tmp_path):
    torch.save({"weight": torch.zeros(2, 2), "gain": torch.zeros(2)}, tmp_path / "keys.pt")
    with pytest.raises(ArchitectureError, match="missing bias, unexpected gain"):
        load_weights(nn.Linear(2, 2), tmp_path / "keys.pt")
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "shapes.pt")
    with pytest.raises(ArchitectureError, match=r"weight: \(2, 3\) in the file, \(2, 2\) in the network"):
        load_weights(nn.Linear(2, 2), tmp_path / "shapes.pt")


def test_a_reference_network_is_found_by_name():
    narrow = resolve_network("resnet20", {"width": 0.25, "seed": 3})
    again = resolve_network("resnet20", {"width": 0.25, "seed": 3})
    assert same(narrow, again)


def test_an_unknown_name_is_refused():
    with pytest.raises(ArchitectureError, match="no_such_network"):
        resolve_network("no_such_network")
