"""Programs made to do harm, in files of rainbows and of limits, are refused and do not run."""

import json

import pytest

import rainbownet as rn
from case_files import call, code, contents, last, node, rewritten, source
from rainbownet.limit import load_limit

HUGE = 10**12


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
