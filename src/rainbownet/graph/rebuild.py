"""The network that JSON describes, built again: names and the closed list are checked first, then sizes, then made.

A file can so hold a network and still never run anything but operations on tensors.
"""

import inspect
import keyword
import re
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rainbownet.errors import FileError
from rainbownet.files.closed_list import ATTRIBUTES, FUNCTIONS, METHODS, MODULES
from rainbownet.files.reason import reason
from rainbownet.files.strict import check_fields
from rainbownet.graph.inputs import Batch
from rainbownet.graph.measure import MISFITS, capacity, measure
from rainbownet.graph.vocabulary import DTYPES, arguments_of, function_named

_OPS = ("placeholder", "get_attr", "call_module", "call_function", "call_method", "output")
_WORD = re.compile(r"[A-Za-z0-9_:.\-]{0,64}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_PART = re.compile(r"[A-Za-z0-9_]{1,128}")
_NEVER = frozenset({"out", "generator", "self"})
"""Keywords that write into another tensor or take what a file cannot hold."""
_RESERVED = frozenset(dir(fx.GraphModule(nn.Module(), fx.Graph())))
"""Names a submodule cannot have: those of what every module has."""
_IN_PLACE = [function_named("operator", name) for name in FUNCTIONS["operator"] if name.startswith("i")]
_LEVELS = 12


def from_program(
    program: Any, *, origin: str = "program", example: Batch | None = None, stored: int | None = None
) -> fx.GraphModule:
    """Build the network a program describes, its parameters zero.

    Everything is checked before anything is made: names, the closed list, and then sizes, on tensors without memory.

    Args:
        program: What `to_program` returned, from whatever source.
        origin: The file it comes from, for messages.
        example: Inputs to measure it with, on any device; without, only the sizes of its parameters are bounded.
        stored: How many numbers the file stores, which bound those the network may have and make.

    Raises:
        FileError: If the program is not complete, names what is not on the closed list, or is too large.
    """
    traced = read_program(program, origin)
    stored = sum(t.numel() for t in traced.state_dict().values()) if stored is None else stored
    if example is not None:
        measure(traced, example.to("meta"), stored=stored, origin=origin)
    return in_memory(traced, stored, origin)


def in_memory(traced: fx.GraphModule, stored: int, origin: str) -> fx.GraphModule:
    """Give memory, full of zeros, to the parameters of a network that has none.

    Args:
        traced: What `read_program` returned.
        stored: How many numbers the file stores.
        origin: The file, for messages.

    Raises:
        FileError: If it has more parameters than the file allows.
    """
    wanted = sum(t.numel() for t in traced.state_dict().values())
    if wanted > capacity(stored):
        raise FileError(
            f"{origin}: its network has {wanted} parameters, far more than the {stored} numbers of the file"
        )
    traced.to_empty(device="cpu")
    with torch.no_grad():
        for value in traced.state_dict().values():
            value.zero_()
    return traced.eval().requires_grad_(False)


def read_program(program: Any, origin: str) -> fx.GraphModule:
    """Build the network a program describes on the device `meta`: it has sizes but no memory.

    Args:
        program: What `to_program` returned, from whatever source.
        origin: The file it comes from, for messages.

    Raises:
        FileError: If the program is not complete, or names what is not on the closed list.
    """
    fields = {"modules": dict, "tensors": dict, "nodes": list}
    program = check_fields(program, fields, origin, "description of a network")
    try:
        root = nn.Module()
        for name, description in program["modules"].items():
            _attach(root, _path(name), _build(description))
        for name, description in program["tensors"].items():
            _attach(root, _path(name), _tensor(description))
        graph = fx.Graph()
        nodes: dict[str, fx.Node] = {}
        for description in program["nodes"]:
            _add_node(graph, description, nodes, program)
        _check_ends(graph)
        _check_used(graph, program)
        graph.lint()
        traced = fx.GraphModule(root, graph)
    except _Refused as error:
        raise FileError(f"{origin}: {error}") from error
    except (SyntaxError, *MISFITS) as error:
        raise FileError(f"{origin}: the network described in the file cannot be rebuilt ({reason(error)})") from error
    return traced.eval().requires_grad_(False)


class _Refused(Exception):
    """Something a program may not hold."""


def _build(description: Any) -> nn.Module:
    name = _field(description, "class", str, "a module")
    if name not in MODULES or not hasattr(nn, name):
        raise _Refused(f"the file names a module {'torch.nn.' + name[:80]!r}, which is not on the closed list")
    cls = getattr(nn, name)
    arguments = {key: _decode(value, {}) for key, value in _field(description, "arguments", dict, name).items()}
    if unknown := set(arguments) - set(arguments_of(cls)):
        raise _Refused(f"{name} cannot be rebuilt: it takes no argument {sorted(unknown)[0]!r:.80}")
    if (dtype := description.get("dtype")) is not None:
        arguments["dtype"] = _dtype(dtype)
    return cls(**arguments, **({"device": "meta"} if "device" in inspect.signature(cls.__init__).parameters else {}))


def _tensor(description: Any) -> Tensor:
    shape = _shape(_field(description, "shape", list, "a tensor"))
    dtype = _dtype(_field(description, "dtype", str, "a tensor"))
    value = torch.empty(shape, dtype=dtype, device="meta")
    return nn.Parameter(value, requires_grad=False) if _field(description, "parameter", bool, "a tensor") else value


def _shape(sizes: list[Any]) -> tuple[int, ...]:
    if not all(type(size) is int and 0 <= size < 1 << 48 for size in sizes) or len(sizes) > 64:
        raise _Refused(f"{str(sizes)[:80]} is no shape")
    return tuple(sizes)


def _dtype(name: Any) -> torch.dtype:
    if not isinstance(name, str) or name not in DTYPES:
        raise _Refused(f"the file names a type of numbers {str(name)[:80]!r}, which is not on the closed list")
    return DTYPES[name]


def _field(description: Any, name: str, kind: type, what: str) -> Any:
    if not isinstance(description, dict) or not isinstance(description.get(name), kind):
        raise _Refused(f"the description of {what} cannot be rebuilt: its {name!r} is missing or no {kind.__name__}")
    return description[name]


def _path(name: str) -> list[str]:
    """Return the parts of a dotted name of a module or a tensor."""
    parts = name.split(".")
    for part in parts:
        if not _PART.fullmatch(part) or part.startswith("__") or part in _RESERVED or keyword.iskeyword(part):
            raise _Refused(f"the file names a module or tensor {name[:80]!r}, which is not a name that one can have")
    if len(parts) > 64:
        raise _Refused(f"the file names a module or tensor {name[:80]!r}..., of {len(parts)} parts")
    return parts


def _attach(root: nn.Module, path: list[str], value: Any) -> None:
    *folders, leaf = path
    parent = root
    for part in folders:
        child = parent._modules.get(part)
        if child is None:
            if not _takes_parts(parent, part):
                raise _Refused(f"the file names a part {'.'.join(path)!r} of a {type(parent).__name__}, which has none")
            child = nn.Module()
            parent.add_module(part, child)
        parent = child
    before = dict(parent.named_parameters(recurse=False)) | dict(parent.named_buffers(recurse=False))
    made_of_parts = type(parent) is nn.Module or (isinstance(value, nn.Module) and _takes_parts(parent, leaf))
    if leaf in parent._modules or not (made_of_parts or leaf in before):
        raise _Refused(f"the file names {'.'.join(path)!r} twice, or as part of what has no parts")
    if leaf in before and not (isinstance(value, Tensor) and value.shape == before[leaf].shape):
        raise _Refused(f"the file gives {'.'.join(path)!r} two shapes")
    if isinstance(value, nn.Module):
        parent.add_module(leaf, value)
    elif isinstance(value, nn.Parameter):
        parent.register_parameter(leaf, value)
    else:
        parent.register_buffer(leaf, value)


def _takes_parts(parent: nn.Module, name: str) -> bool:
    """Whether a module may get a part of a name: a folder, and a batch norm, whose class may call others besides."""
    return type(parent) is nn.Module or (isinstance(parent, _BatchNorm) and not hasattr(parent, name))


def _add_node(graph: fx.Graph, description: Any, nodes: dict[str, fx.Node], program: dict[str, Any]) -> None:
    name, op = (_field(description, key, str, "a node") for key in ("name", "op"))
    _check_identifier(name, "a node")
    if op not in _OPS:
        raise _Refused(f"node {name!r}: there is no operation {op[:80]!r}")
    target = _target(op, _field(description, "target", str, f"node {name!r}"), program)
    args, kwargs = (_decode(description.get(key), nodes) for key in ("args", "kwargs"))
    if not isinstance(args, tuple) or not isinstance(kwargs, dict):
        raise _Refused(f"node {name!r} cannot be rebuilt: its arguments are no list, or its keywords no names")
    for key in kwargs:
        _check_identifier(key, f"a keyword of node {name!r}")
        if key in _NEVER:
            raise _Refused(f"node {name!r} has a keyword {key!r}, which is not allowed")
    in_place = op == "call_function" and target in _IN_PLACE
    if (op == "call_method" or in_place) and not (args and isinstance(args[0], fx.Node)):
        raise _Refused(f"node {name!r} calls a method of what is no node, or changes it")
    if target is getattr and not (
        len(args) == 2 and not kwargs and isinstance(args[0], fx.Node) and str(args[1]) in ATTRIBUTES
    ):
        raise _Refused(
            f"node {name!r} gets an attribute that is not allowed; there are {', '.join(sorted(ATTRIBUTES))}"
        )
    if op in ("placeholder", "get_attr") and (kwargs or any(isinstance(a, (fx.Node, tuple, list, dict)) for a in args)):
        raise _Refused(f"node {name!r} is an input or a tensor, and has arguments")
    made = graph.create_node(op, target, args, kwargs, name=name)
    if made.name != name or name in nodes:
        raise _Refused(f"node {name!r} has a name that is taken")
    nodes[name] = made


def _check_ends(graph: fx.Graph) -> None:
    ops = [node.op for node in graph.nodes]
    count = ops.count("placeholder")
    if not count or ops[:count] != ["placeholder"] * count or ops.count("output") != 1 or ops[-1] != "output":
        raise _Refused(
            "the network described in the file cannot be rebuilt: it needs inputs, first, and one output, last"
        )


def _check_used(graph: fx.Graph, program: dict[str, Any]) -> None:
    for kind, op in (("modules", "call_module"), ("tensors", "get_attr")):
        if unused := set(program[kind]) - {str(node.target) for node in graph.nodes if node.op == op}:
            raise _Refused(f"the file holds a module or tensor {sorted(unused)[0][:80]!r}, which no node uses")


def _check_identifier(name: str, what: str) -> None:
    if (
        not name.isidentifier()
        or not name.isascii()
        or keyword.iskeyword(name)
        or name.startswith("__")
        or len(name) > 256
    ):
        raise _Refused(f"{what} is called {name[:80]!r}, which is no identifier")


def _target(op: str, target: str, program: dict[str, Any]) -> Any:
    if op in ("placeholder", "output"):
        _check_identifier(target, f"the {'input' if op == 'placeholder' else 'output'}")
        return target
    if op in ("call_module", "get_attr"):
        if target not in program["modules" if op == "call_module" else "tensors"]:
            raise _Refused(f"the file names a module or tensor {target[:80]!r}, which it does not hold")
        return target
    if op == "call_method":
        if target not in METHODS:
            raise _Refused(f"the file names a tensor method {target[:80]!r}, which is not allowed")
        return target
    root, _, name = target.partition(":")
    if (function := function_named(root, name)) is None:
        raise _Refused(f"the file names a function {target[:80]!r}, which is not allowed")
    return function


def _decode(value: Any, nodes: dict[str, fx.Node], level: int = 0) -> Any:
    if level > _LEVELS:
        raise _Refused(f"arguments are nested in more than {_LEVELS} levels")
    if isinstance(value, list):
        return [_decode(v, nodes, level + 1) for v in value]
    if isinstance(value, str):
        if not _WORD.fullmatch(value) or value == "meta":
            raise _Refused(f"an argument is the text {value[:80]!r}, which is not allowed")
        return value
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise _Refused("an argument is a whole number of more than 63 bits")
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise _Refused("an argument cannot be rebuilt: it has several kinds")
    ((kind, content),) = value.items()
    if kind == "node" and isinstance(content, str) and content in nodes:
        return nodes[content]
    if kind == "tuple" and isinstance(content, list):
        return tuple(_decode(v, nodes, level + 1) for v in content)
    if kind == "dict" and isinstance(content, dict):
        return {k: _decode(v, nodes, level + 1) for k, v in content.items()}
    if kind == "slice" and isinstance(content, list) and len(content) == 3:
        return slice(*(_decode(v, nodes, level + 1) for v in content))
    if kind == "dtype":
        return _dtype(content)
    if kind == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    if kind == "ellipsis":
        return Ellipsis
    raise _Refused(f"an argument cannot be rebuilt: {kind[:80]!r} {str(content)[:80]!r}")
