"""Files changed at random: every one is refused by an error of the library, or holds something valid."""

import json
import os
import random
import warnings

import pytest
import torch

import rainbownet as rn
from case_files import contents, rewritten, valid_files
from rainbownet.ensemble import read
from rainbownet.errors import RainbowError
from rainbownet.files.checkpoint import read_state
from rainbownet.files.tensors import write_tensors
from rainbownet.limit import LimitNetwork, load_limit
from rainbownet.nets import build
from rainbownet.rainbow.seed_file import deflated, inflated

SENTINEL = "RAINBOWNET_FUZZ_SENTINEL"
BAD = [
    *(None, True, False, 0, -1, 1, 2, 7, 10**6, 2**31, 2**63, 10**30, 1.5, -0.0, 1e308, float("nan"), float("inf")),
    *(
        "",
        "x",
        "self",
        "__class__",
        "forward",
        "torch.float32",
        "builtins:eval",
        "os:system",
        "operator:pow",
        "😀",
        "\n",
    ),
    f"__import__('os').putenv('{SENTINEL}', '1')",
    *([], {}, [[]], {"a": 1}, [1, 2], {"tuple": []}, {"node": "x"}, {"slice": [None, None, None]}, {"float": "nan"}),
]

DTYPES = [torch.float16, torch.int8, torch.bool, torch.complex64, torch.float8_e5m2, torch.bfloat16, torch.int64]


def places(value, path=()):
    """Yield the path of every value in a structure of lists and objects."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def mutated(value, rng: random.Random):
    """Return a copy of JSON values with one to three changes: replaced, removed, doubled, swapped or renamed."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        found = [path for path in places(value) if path]
        if not found:
            return value
        path, other = rng.choice(found), rng.choice(found)
        parent, given = walk(value, path[:-1]), walk(value, other)
        kind = rng.randrange(6)
        if kind == 0:
            del parent[path[-1]]
        elif kind == 1 and isinstance(parent, list):
            parent.insert(path[-1], json.loads(json.dumps(parent[path[-1]])))
        elif kind == 2 and isinstance(parent, dict):
            parent[rng.choice(["x", "self", "__class__", str(other[-1]), ""])] = parent.pop(path[-1])
        elif kind == 3:
            parent[path[-1]] = json.loads(json.dumps(given))
        elif kind == 4 and type(parent[path[-1]]) is int:
            parent[path[-1]] += rng.choice([-1, 1, 2, -parent[path[-1]], 10**3, 10**6])
        else:
            parent[path[-1]] = rng.choice(BAD)
    return value


def walk(value, path):
    for key in path:
        value = value[key]
    return value


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with some flipped, cut out, put in or cut off; half of the time near the head."""
    result = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        at = rng.randrange(min(len(result), 400) if rng.random() < 0.5 else len(result))
        kind = rng.randrange(4)
        if kind == 0:
            result[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            result[at] = rng.choice(b'{}[]",:\\0\xff019')
        elif kind == 2:
            del result[at : at + rng.choice([1, 1, 8, 100])]
        else:
            result[at:at] = rng.randbytes(rng.choice([1, 1, 8]))
        if not result:
            return b""
    return bytes(result)


def changed_tensors(tensors, rng: random.Random):
    """Return tensors of which one has another type, shape, name or value, or is gone."""
    tensors, name = dict(tensors), rng.choice(sorted(tensors))
    value = tensors[name]
    kind = rng.randrange(7)
    if kind == 0:
        del tensors[name]
    elif kind == 1:
        tensors[rng.choice(["x", "law/x", "kept/x", f"{name}.x", name[:-1]])] = tensors.pop(name)
    elif kind == 2:
        dtypes = [
            torch.float16,
            torch.int8,
            torch.bool,
            torch.complex64,
            torch.float8_e5m2,
            torch.bfloat16,
            torch.int64,
        ]
        tensors[name] = value.to(rng.choice(dtypes))
    elif kind == 3:
        tensors[name] = rng.choice(
            [value[None], value.flatten()[:1], value.flatten(), torch.zeros(0), torch.tensor(1.0)]
        )
    elif kind == 4:
        numbers = [float("nan"), 1e30, 0.0, -1.0] if value.is_floating_point() else [0, -1, 7]
        tensors[name] = torch.full_like(value, rng.choice(numbers))
    elif kind == 5:
        tensors[name] = tensors[rng.choice(sorted(tensors))].clone()
    else:
        tensors[name] = torch.zeros(rng.choice([(1,), (3, 3), (10**3, 10**3), (1, 10**5), (10**5, 1)]))
    return tensors


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    return valid_files(tmp_path_factory.mktemp("valid"))


def foreign(change, load, path, count: int, seed: int) -> tuple[list[str], int]:
    """Return errors that are not the library's, with the seeds that give them, and how many files were valid."""
    found, fine = [], 0
    for k in range(seed, seed + count):
        change(random.Random(k))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load(path)
            fine += 1
        except RainbowError as error:
            if "\n" in str(error):
                found.append(f"seed {k}: a message of several lines: {error}")
        except Exception as error:  # Whatever it is, it is what this test looks for.
            found.append(f"seed {k}: {type(error).__name__}: {error}")
    return found, fine


def loaded_rainbow(path):
    rainbow = rn.load(path)
    assert isinstance(rainbow, rn.Rainbow)
    assert all(law.neurons().isfinite().all() for law in rainbow.laws.values())


def loaded_limit(path):
    assert isinstance(load_limit(path), LimitNetwork)


def changes(kind: str, valid, folder):
    """Return what changes a file of a kind at random, what loads it, and where it is."""
    path = folder / "file"
    if kind == "checkpoint":
        data = valid["checkpoint.pt"].read_bytes()
        return lambda rng: path.write_bytes(changed_bytes(data, rng)), read_state, path
    if kind == "member":
        (folder / "one").mkdir()
        net = build("digits_mlp", width=0.1)
        write_tensors(folder / "one" / "model.safetensors", net.state_dict())
        recipe = {"epochs": 1, "lr": 0.1, "checkpoints": [0, 1], "momentum": 0.9, "schedule": "step"}
        data = {"source": "digits", "split": "train"}
        content = {"network": "digits_mlp", "recipe": recipe, "seed": 3, "width": 0.1, "kwargs": {}, "data": data}

        def change(rng):
            text = json.dumps(mutated({**content, "test": data}, rng))
            raw = changed_bytes(text.encode(), rng) if rng.random() < 0.2 else text.encode()
            (folder / "one" / "member.json").write_bytes(raw)

        def load(place):
            ensemble = read(place)
            assert len(ensemble.table) == 1
            ensemble.network(0)

        return change, load, folder
    key, metadata, tensors = contents(valid[kind])
    seeded = kind == "seed"
    metadata = inflated(metadata, "file") if seeded else metadata
    data = valid[kind].read_bytes()

    def change(rng):
        draw = rng.random()
        if draw < 0.2:
            path.write_bytes(changed_bytes(data, rng))
        elif draw < 0.4:
            rewritten(path, deflated(metadata) if seeded else metadata, changed_tensors(tensors, rng), key)
        else:
            new = mutated(metadata, rng)
            packed = seeded and isinstance(new, dict) and "format" in new
            rewritten(path, deflated(new) if packed else new, tensors, key)

    return change, loaded_limit if kind == "limit" else loaded_rainbow, path


KINDS = ["rainbow", "seed", "limit", "checkpoint", "member"]


@pytest.mark.parametrize("kind", KINDS)
def test_500_changed_files(valid, tmp_path, kind):
    found, fine = foreign(*changes(kind, valid, tmp_path), 125, 0)
    assert found == []
    assert fine < 125
    assert SENTINEL not in os.environ


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", range(4))
def test_10000_changed_files_of_each_kind(valid, tmp_path, kind, part):
    found, fine = foreign(*changes(kind, valid, tmp_path), 2500, 1000 + 2500 * part)
    print(f"{kind}: {fine} of 2500 valid, {len(found)} foreign")
    assert found == []
