"""Files made to do harm are refused: nothing in them runs, and their sizes are seen before there is memory for them."""

import base64
import json
import resource
import time
import zlib

import pytest
import torch

import rainbownet as rn
from case_files import call, contents, last, node, rewritten, source, valid_files
from rainbownet.ensemble import read
from rainbownet.errors import FileError
from rainbownet.files.tensors import write_tensors
from rainbownet.limit import load_limit
from rainbownet.rainbow.seed_file import deflated, inflated

SECONDS, BYTES = 20, 1 << 30
HUGE = 10**12


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    return valid_files(tmp_path_factory.mktemp("valid"))


@pytest.fixture
def refused(tmp_path):
    """Return a check: loading is a `FileError` in bounded time and memory, and the payload did not run."""

    def check(load, path):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(FileError, match=r"\w") as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "ran").exists()
        assert time.perf_counter() - began < SECONDS
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES

    return check


def code(ran) -> str:
    return f"__import__('os').mkdir('{ran}')"


def renamed(metadata, old: str, new: str) -> None:
    """Rename a module or a tensor wherever it is named."""
    program = metadata["program"]
    for kind in ("modules", "tensors"):
        if old in program[kind]:
            program[kind][new] = program[kind].pop(old)
    for one in program["nodes"]:
        one["target"] = new if one["target"] == old else one["target"]


def node_renamed(metadata, index: int, new: str) -> None:
    text = json.dumps(metadata["program"]["nodes"])
    old = metadata["program"]["nodes"][index]["name"]
    metadata["program"]["nodes"] = json.loads(text.replace(json.dumps(old), json.dumps(new)))


def getattr_chain(m, names, start=None):
    value = start or last(m)
    for k, name in enumerate(names):
        value = call(m, "builtins:getattr", [value, name], name=f"evil{k}")
    return value


def embedding(m, used: bool) -> None:
    arguments = {"num_embeddings": 10**6, "embedding_dim": 10**6}
    m["program"]["modules"]["table"] = {"class": "Embedding", "arguments": arguments, "dtype": None}
    if used:
        call(m, "table", [call(m, "long", [last(m)], op="call_method", name="whole")], op="call_module")


def attrgetter(m, ran):
    got = call(m, "operator:attrgetter", ["__class__.__base__"], name="got")
    call(m, "operator:call", [got, last(m)], name="called")


PROGRAMS = {
    # names that go into generated code
    "placeholder target": lambda m, ran: node(m, "placeholder").update(target=f"x={code(ran)}"),
    "placeholder target with a default": lambda m, ran: node(m, "placeholder").update(target=f"x, y={code(ran)}"),
    "placeholder star": lambda m, ran: node(m, "placeholder").update(target="*x"),
    "output target": lambda m, ran: node(m, "output").update(target=code(ran)),
    "node name": lambda m, ran: node_renamed(m, 2, f"y = {code(ran)}"),
    "node name with a line": lambda m, ran: node_renamed(m, 2, f"y\n    {code(ran)}\n    z"),
    "node name self": lambda m, ran: node_renamed(m, 2, "self"),
    "node name keyword": lambda m, ran: node_renamed(m, 2, "import"),
    "node name dunder": lambda m, ran: node_renamed(m, 2, "__builtins__"),
    "node name builtin": lambda m, ran: node_renamed(m, 2, "getattr"),
    "node name homoglyph": lambda m, ran: node_renamed(m, 2, "ｅval"),
    "node name twice": lambda m, ran: node_renamed(m, 2, m["program"]["nodes"][1]["name"]),
    "keyword name": lambda m, ran: call(m, "torch:relu", [last(m)], {f"a={code(ran)}, b": 1}),
    "keyword out": lambda m, ran: call(m, "torch:relu", [last(m)], {"out": last(m)}),
    "module name": lambda m, ran: renamed(m, "first", f"first']+[{code(ran)}]+['"),
    "module name dunder": lambda m, ran: renamed(m, "first", "__class__"),
    "module name forward": lambda m, ran: renamed(m, "first", "forward"),
    "module name _modules": lambda m, ran: renamed(m, "first", "_modules.x"),
    "module inside a leaf": lambda m, ran: renamed(m, "first", "norm.first"),
    "module target": lambda m, ran: node(m, "call_module", "first").update(target=f"first({code(ran)})"),
    "module target absent": lambda m, ran: node(m, "call_module", "first").update(target="forward"),
    "tensor target": lambda m, ran: node(m, "get_attr").update(target=f"scale, {code(ran)}"),
    "tensor target module": lambda m, ran: node(m, "get_attr").update(target="first.__class__"),
    "tensor name": lambda m, ran: renamed(m, "scale", f"a.{code(ran)}"),
    # attributes
    "attribute dunder": lambda m, ran: node(m, "call_function", "getattr")["args"]["tuple"].__setitem__(1, "__class__"),
    "attribute chain": lambda m, ran: getattr_chain(m, ["__class__", "__init__", "__globals__"]),
    "attribute data": lambda m, ran: getattr_chain(m, ["data"]),
    "attribute computed": lambda m, ran: call(m, "builtins:getattr", [last(m), last(m)]),
    "attribute of a constant": lambda m, ran: call(m, "builtins:getattr", ["abc", "shape"]),
    "attribute with default": lambda m, ran: call(m, "builtins:getattr", [last(m), "shape", 1]),
    # functions
    **{
        f"function {target}": lambda m, ran, target=target: call(m, target, [code(ran)])
        for target in [
            "builtins:eval",
            "builtins:exec",
            "builtins:open",
            "builtins:compile",
            "builtins:__import__",
            "builtins:print",
            "builtins:setattr",
            "builtins:globals",
            "builtins:type",
            "os:system",
            "os:mkdir",
            "posix:system",
            "subprocess:run",
            "torch:load",
            "torch:save",
            "torch:compile",
            "torch:hub",
            "torch:set_default_dtype",
            "torch:manual_seed",
            "torch:from_file",
            "torch:ops",
            "torch:classes",
            "torch:zeros",
            "torch:randn",
            "torch:arange",
            "torch:einsum",
            "torch:vmap",
            "torch.hub:load",
            "torch.nn.functional:handle_torch_function",
            "torch.nn.functional:boolean_dispatch",
            "torch.special:torch",
            "operator:attrgetter",
            "operator:methodcaller",
            "operator:itemgetter",
            "operator:call",
            "operator:setitem",
            "operator:delitem",
            "math:factorial",
            "math:comb",
            "torch.utils.cpp_extension:load",
            ":",
            "operator:",
            ":add",
        ]
    },
    "function attrgetter and call": attrgetter,
    "function without a colon": lambda m, ran: call(m, "eval", [code(ran)]),
    "function with a dot": lambda m, ran: call(m, "torch:_C._jit_set_profiling_mode", [1]),
    "function dunder": lambda m, ran: call(m, "torch:__loader__", [last(m)]),
    # methods
    **{
        f"method {name}": lambda m, ran, name=name: call(m, name, [last(m), ran], op="call_method")
        for name in [
            "tofile",
            "numpy",
            "apply_",
            "map_",
            "map2_",
            "register_hook",
            "__reduce__",
            "__reduce_ex__",
            "__class__",
            "__setstate__",
            "storage",
            "untyped_storage",
            "set_",
            "data_ptr",
            "record_stream",
            "share_memory_",
            "module_load",
            "backward",
            "requires_grad_",
            "resize_",
            "as_subclass",
            "tolist",
            "item",
            "to_sparse",
            "new",
            "new_tensor",
            "pin_memory",
            "random_",
            "type",
            "cuda",
            "__getattribute__",
            "x.y",
        ]
    },
    "method of a text": lambda m, ran: call(m, "split", ["a,b", ","], op="call_method"),
    "method of a size": lambda m, ran: call(
        m, "mul", [call(m, "builtins:getattr", [last(m), "shape"], name="s"), 2], op="call_method"
    ),
    "method without object": lambda m, ran: call(m, "relu", [], op="call_method"),
    "operation of another kind": lambda m, ran: node(m, "call_function").update(op="call_code"),
    # modules
    **{
        f"class {name}": lambda m, ran, name=name: m["program"]["modules"]["first"].update({"class": name})
        for name in [
            "Module",
            "Sequential",
            "ModuleList",
            "Transformer",
            "LSTM",
            "MultiheadAttention",
            "Parameter",
            "init",
            "utils",
            "os.system",
            "_a",
        ]
    },
    "class argument": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(device="cpu"),
    "class argument callable": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(__init__=code(ran)),
    "class argument text": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(padding_mode=code(ran)),
    "class dtype": lambda m, ran: m["program"]["modules"]["first"].update(dtype="torch.nn"),
    "dtype constant": lambda m, ran: call(m, "to", [last(m), {"dtype": "torch.load"}], op="call_method"),
    "device meta": lambda m, ran: call(m, "to", [last(m), "meta"], op="call_method"),
    # sizes
    "kernel": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(
        kernel_size={"tuple": [30000, 30000]}
    ),
    "kernel of many axes": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(kernel_size=[2] * 10**5),
    "channels": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(
        out_channels=2**31, in_channels=2**31
    ),
    "channels beyond 64 bits": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(out_channels=10**30),
    "padding": lambda m, ran: m["program"]["modules"]["first"]["arguments"].update(padding={"tuple": [10**6, 10**6]}),
    "padding of a function": lambda m, ran: call(
        m, "torch.nn.functional:pad", [last(m), {"tuple": [0, HUGE]}, "constant", 0]
    ),
    "upsampling": lambda m, ran: call(m, "torch.nn.functional:interpolate", [source(m)], {"scale_factor": 10**6}),
    "upsampling to a size": lambda m, ran: call(
        m, "torch.nn.functional:interpolate", [source(m), {"tuple": [10**6] * 2}]
    ),
    "pooling to a size": lambda m, ran: call(
        m, "torch.nn.functional:adaptive_avg_pool2d", [source(m), {"tuple": [10**6, 10**6]}]
    ),
    "repetition": lambda m, ran: call(m, "repeat", [last(m), 10**6, 10**6], op="call_method"),
    "repetition of entries": lambda m, ran: call(m, "torch:repeat_interleave", [last(m), HUGE]),
    "zeros": lambda m, ran: call(m, "new_zeros", [last(m), HUGE], op="call_method"),
    "full": lambda m, ran: call(m, "new_full", [last(m), {"tuple": [10**6, 10**6]}, 1.0], op="call_method"),
    "expansion and sum": lambda m, ran: call(
        m, "torch:add", [call(m, "broadcast_to", [last(m), [10**7, 40, 3]], name="wide", op="call_method"), 1]
    ),
    "tensor": lambda m, ran: m["program"]["tensors"]["scale"].update(shape=[10**6, 10**6]),
    "tensor of negative size": lambda m, ran: m["program"]["tensors"]["scale"].update(shape=[-1]),
    "tensor of many axes": lambda m, ran: m["program"]["tensors"]["scale"].update(shape=[1] * 1000),
    "embedding": lambda m, ran: embedding(m, used=True),
    "embedding without use": lambda m, ran: embedding(m, used=False),
    "power": lambda m, ran: call(m, "operator:pow", [10**9, 10**9]),
    "power of builtins": lambda m, ran: call(m, "builtins:pow", [10**9, 10**9]),
    "power in place": lambda m, ran: call(m, "operator:ipow", [10**9, 10**9]),
    "powers of powers": lambda m, ran: call(m, "operator:pow", [call(m, "operator:pow", [2, 60], name="p"), 2**40]),
    "shift": lambda m, ran: call(m, "operator:lshift", [1, HUGE]),
    "repeated list": lambda m, ran: call(m, "operator:mul", [[1], HUGE]),
    "repeated size": lambda m, ran: call(
        m, "operator:mul", [call(m, "builtins:getattr", [last(m), "shape"], name="s"), HUGE]
    ),
    "repeated text": lambda m, ran: call(m, "operator:mul", ["x", HUGE]),
    "formatted text": lambda m, ran: call(m, "operator:mod", ["%1000000000d", 1]),
    "division by zero": lambda m, ran: call(m, "operator:floordiv", [1, 0]),
    "overflow": lambda m, ran: call(m, "math:exp", [10**9]),
    "index out of range": lambda m, ran: call(m, "operator:getitem", [last(m), 10**6]),
    "text as number": lambda m, ran: call(m, "builtins:int", ["9" * 60]),
    # structure
    "nested arguments": lambda m, ran: call(m, "torch:relu", [json.loads("[" * 60 + "]" * 60)]),
    "nested beyond reason": lambda m, ran: "[" * 10**5 + "]" * 10**5,
    "key twice": lambda m, ran: json.dumps(m)[:-1] + ', "format": 1}',
    "NaN": lambda m, ran: m["program"]["nodes"][1].update(extra=float("nan")),
    "infinity": lambda m, ran: m["provenance"].update(x=float("inf")),
    "no input": lambda m, ran: m["program"]["nodes"].pop(0),
    "two inputs of one name": lambda m, ran: m["program"]["nodes"].insert(1, dict(m["program"]["nodes"][0], name="y")),
    "no output": lambda m, ran: m["program"]["nodes"].pop(),
    "two outputs": lambda m, ran: m["program"]["nodes"].append(dict(m["program"]["nodes"][-1], name="output_1")),
    "no nodes": lambda m, ran: m["program"]["nodes"].clear(),
    "a node before it is made": lambda m, ran: m["program"]["nodes"].insert(1, m["program"]["nodes"].pop(-2)),
    "input with a default node": lambda m, ran: node(m, "placeholder").update(args={"tuple": [{"tuple": [1]}]}),
    "slice of four": lambda m, ran: call(m, "operator:getitem", [last(m), {"slice": [1, 2, 3, 4]}]),
    "an argument of two kinds": lambda m, ran: call(m, "torch:relu", [{"node": "x", "tuple": []}]),
    "float of text": lambda m, ran: call(m, "torch:relu", [{"float": "1e5"}]),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("kind", ["rainbow", "limit"])
def test_programs(valid, tmp_path, refused, name, kind):
    key, metadata, tensors = contents(valid[kind])
    changed = PROGRAMS[name](metadata, str(tmp_path / "ran"))
    rewritten(tmp_path / "file", changed if isinstance(changed, str) else metadata, tensors, key)
    refused(rn.load if kind == "rainbow" else load_limit, tmp_path / "file")


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
