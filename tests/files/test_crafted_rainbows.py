"""Files of rainbows, and of rainbows of a seed, made to do harm: their fields and tensors are refused."""

import base64
import zlib

import pytest
import torch

import rainbownet as rn
from case_files import call, contents, rewritten
from rainbownet.rainbow.seed_file import deflated, inflated

RAINBOWS = {
    "factory": lambda m, t, ran: m.update(program=None, architecture={"name": "os:mkdir", "kwargs": {"path": ran}}),
    "factory of a dotted name": lambda m, t, ran: m.update(
        program=None, architecture={"name": "os:path.os.mkdir", "kwargs": {"path": ran}}
    ),
    "factory beside import": lambda m, t, ran: m.update(
        program=None, architecture={"name": "antigravity:x", "kwargs": {}}
    ),
    "factory unknown": lambda m, t, ran: m.update(program=None, architecture={"name": "nope", "kwargs": {}}),
    "factory no text": lambda m, t, ran: m.update(program=None, architecture={"name": ["os:mkdir"], "kwargs": {}}),
    "factory without arguments": lambda m, t, ran: m.update(program=None, architecture={"name": "vgg11"}),
    "factory too wide": lambda m, t, ran: m.update(
        program=None, architecture={"name": "vgg11", "kwargs": {"width": 40.0}}
    ),
    "factory of another size": lambda m, t, ran: m.update(program=None, architecture={"name": "vgg11", "kwargs": {}}),
    "factory with odd arguments": lambda m, t, ran: m.update(
        program=None, architecture={"name": "vgg11", "kwargs": {"width": [], "self": 1}}
    ),
    "factory of many blocks": lambda m, t, ran: m.update(
        program=None, architecture={"name": "cifar_resnet", "kwargs": {"depth": 6 * 10**8 + 2, "width": 16.0}}
    ),
    "neither network nor factory": lambda m, t, ran: m.update(program=None, architecture=None),
    "example": lambda m, t, ran: m["example"].update(shape=[2, 1, 10**6, 10**6]),
    "example negative": lambda m, t, ran: m["example"].update(shape=[2, 1, -8, 8]),
    "example of texts": lambda m, t, ran: m["example"].update(shape=["2", 1, 8, 8]),
    "example empty": lambda m, t, ran: m["example"].update(shape=[]),
    "example of zero": lambda m, t, ran: m["example"].update(shape=[2, 1, 0, 8]),
    "example type": lambda m, t, ran: m["example"].update(dtype="torch.Tensor"),
    "law unknown": lambda m, t, ran: m["preset"]["law"].update(name="__class__"),
    "law of a list": lambda m, t, ran: m["preset"]["law"].update(name=["gaussian"]),
    "law no object": lambda m, t, ran: m["preset"].update(law="gaussian.__class__"),
    "preset with more": lambda m, t, ran: m["preset"].update(more=1),
    "preset draw": lambda m, t, ran: m["preset"].update(draw=["auto"]),
    "alignment": lambda m, t, ran: m["preset"]["alignment"].update(ridge="x"),
    "head of numbers": lambda m, t, ran: m.update(head=[1]),
    "head absent": lambda m, t, ran: m.update(head=["nope"]),
    "networks": lambda m, t, ran: m.update(networks=-1),
    "networks true": lambda m, t, ran: m.update(networks=True),
    "format no number": lambda m, t, ran: m.update(format="1"),
    "laws of a list": lambda m, t, ran: m.update(laws=[1]),
    "law blocks": lambda m, t, ran: m["laws"].update({next(iter(m["laws"])): 3}),
    "law block shape": lambda m, t, ran: next(iter(m["laws"].values()))[0].update(shape=["x"]),
    "law product": lambda m, t, ran: t.update(
        {law(t, "coordinates"): torch.zeros(10**5, 1), law(t, "factor"): torch.zeros(1, 10**5)}
    ),
    "law not finite": lambda m, t, ran: t[law(t, "mean")].fill_(float("nan")),
    "law of booleans": lambda m, t, ran: t.update({law(t, "mean"): t[law(t, "mean")] > 0}),
    "law of float8": lambda m, t, ran: t.update({law(t, "mean"): t[law(t, "mean")].to(torch.float8_e4m3fn)}),
    "law complex": lambda m, t, ran: t.update({law(t, "mean"): t[law(t, "mean")].to(torch.complex64)}),
    "law of three axes": lambda m, t, ran: t.update({law(t, "factor"): t[law(t, "factor")][None]}),
    "law of no axes": lambda m, t, ran: t.update({law(t, "coordinates"): torch.tensor(1.0)}),
    "kept complex": lambda m, t, ran: t.update({"kept/scale": torch.ones(1, dtype=torch.complex64)}),
    "kept of whole numbers": lambda m, t, ran: t.update({"kept/scale": torch.ones(1, dtype=torch.int64)}),
    "kept absent": lambda m, t, ran: t.pop("kept/scale"),
    "kept more": lambda m, t, ran: t.update({"kept/more": torch.zeros(1)}),
}


def law(tensors, part: str) -> str:
    return next(name for name in sorted(tensors) if name.startswith("law/") and name.endswith(part))


@pytest.mark.parametrize("name", RAINBOWS)
def test_rainbows(valid, tmp_path, refused, name):
    key, metadata, tensors = contents(valid["rainbow"])
    RAINBOWS[name](metadata, tensors, str(tmp_path / "ran"))
    rewritten(tmp_path / "file", metadata, tensors, key)
    refused(rn.load, tmp_path / "file")


def bomb(metadata, length: int) -> None:
    machine = zlib.compressobj(9)
    parts = [machine.compress(b" " * (1 << 20)) for _ in range(length >> 20)]
    metadata["packed"] = base64.b85encode(b"".join([*parts, machine.flush()])).decode()


def column(tensors, part: str) -> torch.Tensor:
    return tensors[law(tensors, part)]


OUTER = {
    "packed absent": lambda m: m.pop("packed"),
    "packed no text": lambda m: m.update(packed=3),
    "packed of other letters": lambda m: m.update(packed="\u00e4\u00e4"),
    "packed cut short": lambda m: m.update(packed=m["packed"][:-40]),
    "packed no zlib": lambda m: m.update(packed=base64.b85encode(b"x" * 50).decode()),
    "packed no JSON": lambda m: m.update(packed=base64.b85encode(zlib.compress(b"[")).decode()),
    "packed a list": lambda m: m.update(packed=base64.b85encode(zlib.compress(b"[1]")).decode()),
    "packed beyond reason": lambda m: bomb(m, 1 << 31),
    "packed of many levels": lambda m: m.update(packed=base64.b85encode(zlib.compress(b"[" * 10**6)).decode()),
    "format of neurons": lambda m: m.update(format=2),
}

SEEDS = {
    "seed negative": lambda m, t: m.update(seed=-1),
    "seed too long": lambda m, t: m.update(seed=1 << 63),
    "seed true": lambda m, t: m.update(seed=True),
    "seed absent": lambda m, t: m.pop("seed"),
    "another seed": lambda m, t: m.update(seed=m["seed"] + 1),
    "precision": lambda m, t: m.update(precision="int4"),
    "precision of another": lambda m, t: m.update(precision="float16"),
    "draw": lambda m, t: m["draws"].update(first="identity"),
    "draw of a list": lambda m, t: m["draws"].update(first=["gaussian"]),
    "another draw": lambda m, t: m["draws"].update(first="gaussian"),
    "draws absent": lambda m, t: m["draws"].clear(),
    "sum": lambda m, t: m["sums"].update(first=1),
    "sum of text": lambda m, t: m["sums"].update(first="1"),
    "values absent": lambda m, t: t.pop("law/first/values"),
    "values empty": lambda m, t: t.update({"law/first/values": torch.zeros(0, 10, dtype=torch.int8)}),
    "values of another width": lambda m, t: t.update({"law/first/values": torch.zeros(5, 11, dtype=torch.int8)}),
    "values of many rows": lambda m, t: t.update({"law/first/values": torch.zeros(10**7, 10, dtype=torch.int8)}),
    "values of floats": lambda m, t: t.update({"law/first/values": column(t, "values").float()}),
    "values of long": lambda m, t: t.update({"law/first/values": column(t, "values").long()}),
    "scales absent": lambda m, t: t.pop("law/first/scales"),
    "scales of another length": lambda m, t: t.update({"law/first/scales": torch.ones(5, 9)}),
    "scales not finite": lambda m, t: t["law/first/scales"].fill_(float("inf")),
    "scale changed": lambda m, t: t["law/first/scales"][0, 0].mul_(2),
    "deviation negative": lambda m, t: t["law/first/deviation"].neg_(),
    "deviation not finite": lambda m, t: t["law/first/deviation"].fill_(float("nan")),
    "deviation of another length": lambda m, t: t.update({"law/first/deviation": torch.ones(7)}),
    "kept without scales": lambda m, t: t.pop("scales/last.weight"),
    "kept scales of another length": lambda m, t: t.update({"scales/last.weight": torch.ones(2, 1)}),
    "kept scales not finite": lambda m, t: t["scales/last.weight"].fill_(float("nan")),
    "kept absent": lambda m, t: t.pop("kept/last.weight"),
    "laws absent": lambda m, t: m.update(laws={}),
    "channels": lambda m, t: m["program"]["modules"]["first"]["arguments"].update(out_channels=2**31),
    "function": lambda m, t: call(m, "os:system", ["true"]),
}


@pytest.mark.parametrize("name", OUTER)
def test_packed_metadata(valid, tmp_path, refused, name):
    key, metadata, tensors = contents(valid["seed"])
    OUTER[name](metadata)
    rewritten(tmp_path / "file", metadata, tensors, key)
    refused(rn.load, tmp_path / "file")


@pytest.mark.parametrize("name", SEEDS)
def test_rainbows_of_a_seed(valid, tmp_path, refused, name):
    key, outer, tensors = contents(valid["seed"])
    metadata = inflated(outer, "file")
    SEEDS[name](metadata, tensors)
    rewritten(tmp_path / "file", deflated(metadata), tensors, key)
    refused(rn.load, tmp_path / "file")
