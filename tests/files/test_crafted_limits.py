"""Files of limits and of members of ensembles made to do harm are refused; the valid ones load."""

import json

import pytest
import torch

import rainbownet as rn
from case_files import code, contents, rewritten
from rainbownet.ensemble import read
from rainbownet.files.tensors import write_tensors
from rainbownet.limit import load_limit


def layer(metadata) -> dict:
    return next(iter(metadata["layers"].values()))


LIMITS = {
    "path elsewhere": lambda m, t, ran: layer(m).update(path="first"),
    "path dunder": lambda m, t, ran: layer(m).update(path="limit_layers.__class__"),
    "path of code": lambda m, t, ran: layer(m).update(path=f"limit_layers.{code(ran)}"),
    "path absent": lambda m, t, ran: layer(m).update(path="limit_layers.nope"),
    "path deep": lambda m, t, ran: layer(m).update(path="limit_layers.a.b"),
    "axis": lambda m, t, ran: layer(m).update(dim=10**9),
    "axis no number": lambda m, t, ran: layer(m).update(dim="1"),
    "mean no truth value": lambda m, t, ran: layer(m).update(mean=1),
    "activation": lambda m, t, ran: layer(m)["activation"]["nodes"][0].update(target=f"x={code(ran)}"),
    "activation function": lambda m, t, ran: layer(m)["activation"]["nodes"][1].update(
        op="call_function", target="os:mkdir", args={"tuple": [ran]}
    ),
    "activation empty": lambda m, t, ran: layer(m).update(activation={}),
    "layers of a list": lambda m, t, ran: m.update(layers=[]),
    "layer no object": lambda m, t, ran: m["layers"].update(x=1),
    "landmarks absent": lambda m, t, ran: t.pop(f"{layer(m)['path']}.landmarks"),
    "landmarks of one axis": lambda m, t, ran: t.update({f"{layer(m)['path']}.landmarks": torch.zeros(12)}),
    "landmarks of another number": lambda m, t, ran: t.update({f"{layer(m)['path']}.landmarks": torch.zeros(3, 10)}),
    "tensor more": lambda m, t, ran: t.update(more=torch.zeros(1)),
    "tensor absent": lambda m, t, ran: t.pop("last.weight"),
    "tensor of another shape": lambda m, t, ran: t.update({"last.weight": torch.zeros(1)}),
    "tensor complex": lambda m, t, ran: t.update({"last.weight": t["last.weight"].to(torch.complex64)}),
    "table of numbers": lambda m, t, ran: m.update(table=[1, {"a": 1}]),
    "table no list": lambda m, t, ran: m.update(table={"a": 1}),
    "input": lambda m, t, ran: m["provenance"].update(input={"shape": [1, 10**6, 10**6], "dtype": "torch.float32"}),
    "input no object": lambda m, t, ran: m["provenance"].update(input=3),
    "input type": lambda m, t, ran: m["provenance"]["input"].update(dtype="torch.load"),
    "input negative": lambda m, t, ran: m["provenance"]["input"].update(shape=[1, -8, 8]),
    "number not finite": lambda m, t, ran: m["provenance"].update(seed=float("nan")),
    "another format": lambda m, t, ran: m.update(format=2),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(valid, tmp_path, refused, name):
    key, metadata, tensors = contents(valid["limit"])
    LIMITS[name](metadata, tensors, str(tmp_path / "ran"))
    rewritten(tmp_path / "file", metadata, tensors, key)
    refused(load_limit, tmp_path / "file")


MEMBERS = {
    "factory": {"network": "os:mkdir", "kwargs": {"path": "RAN"}},
    "factory of a dotted name": {"network": "os:path.os.mkdir", "kwargs": {"path": "RAN"}},
    "factory unknown": {"network": "nope"},
    "factory no text": {"network": ["os:mkdir"]},
    "factory too wide": {"network": "vgg11", "width": 40.0},
    "factory of odd arguments": {"network": "digits_cnn", "kwargs": {"self": 1}},
    "seed": {"seed": 10**30},
    "seed negative": {"seed": -1},
    "seed no number": {"seed": "0"},
    "width of text": {"width": "2"},
    "width infinite": {"width": 1e999},
    "arguments of a list": {"kwargs": [1]},
    "recipe no object": {"recipe": 1},
    "recipe without checkpoints": {"recipe": {"epochs": 1, "lr": 0.1}},
    "recipe of another kind": {"recipe": {"checkpoints": [], "epochs": [], "lr": 0.1}},
    "recipe with more": {"recipe": {"checkpoints": [], "epochs": 1, "lr": 0.1, "more": 1}},
    "more": {"__class__": 1},
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members(valid, tmp_path, refused, name):
    recipe = {"epochs": 1, "lr": 0.1, "checkpoints": []}
    content = {"network": "digits_cnn", "recipe": recipe, "seed": 0, "width": None, "kwargs": {}, **MEMBERS[name]}
    (tmp_path / "one").mkdir()
    text = json.dumps(content).replace('"RAN"', json.dumps(str(tmp_path / "ran")))
    (tmp_path / "one" / "member.json").write_text(text)
    write_tensors(tmp_path / "one" / "model.safetensors", {"w": torch.zeros(1)})
    refused(lambda path: read(path).network(0), tmp_path)


def test_the_valid_files_load(valid):
    assert rn.load(valid["rainbow"]).networks == 1
    assert load_limit(valid["limit"]).layers
