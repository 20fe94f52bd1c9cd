"""Tensors on disk: back as they were, and refused where a file says two things or none."""

import json
import os
import struct

import pytest
import torch
from safetensors.torch import save, save_file

import rainbownet as rn
from rainbownet.errors import FileError
from rainbownet.files.checkpoint import read_state
from rainbownet.files.strict import check_fields, parse_json
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.limit import load_limit


def test_tied_and_complex_weights_are_kept(tmp_path):
    tied = torch.randn(3, 3)
    z = torch.complex(torch.ones(2, 2), -torch.ones(2, 2))
    for pairs in (True, False):
        size = write_tensors(tmp_path / "a", {"a": tied, "b": tied, "z": z}, {"k": "v"}, pairs=pairs)
        tensors, metadata = read_tensors(tmp_path / "a")
        assert (tmp_path / "a").stat().st_size == size
        assert metadata == {"k": "v"}
        assert torch.equal(tensors["a"], tensors["b"])
        assert torch.equal(torch.view_as_complex(tensors["z"]) if pairs else tensors["z"], z)


def with_header(path, header: str, data: bytes = b"") -> None:
    text = header.encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


_X = '"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'


@pytest.mark.parametrize(
    "header",
    [
        f"{{{_X}, {_X}}}",
        f'{{{_X}, "__metadata__": {{"a": "1", "a": "2"}}}}',
        f'{{{_X}, "__metadata__": {{}}, "__metadata__": {{}}}}',
        f'{{{_X}, "__metadata__": {{"a": 1}}}}',
        f'{{{_X}, "__metadata__": []}}',
        f'{{{_X}, "y": {{"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}}}',
        '{"x": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}',
        '{"x": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4]}}',
        '{"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
        '{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 99]}}',
        '{"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}',
        '{"x": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}',
        '{"x": 1}',
        "[]",
        "null",
        "",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "1" * 10_000,
        '"\\ud800"',
    ],
    ids=lambda header: header[:60],
)
def test_headers_that_are_not_as_they_should_be(tmp_path, header):
    with_header(tmp_path / "x.safetensors", header, bytes(4))
    for read in (read_tensors, read_state, rn.load, load_limit):
        with pytest.raises(FileError, match=r"x\.safetensors: damaged, cut short, or not a"):
            read(tmp_path / "x.safetensors")


def test_a_header_longer_than_the_file(tmp_path):
    path = tmp_path / "x.safetensors"
    for length in (9, 2**40, 2**64 - 1):
        path.write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(FileError, match="header is longer"):
            read_tensors(path)


@pytest.mark.parametrize("read", [rn.load, load_limit, read_tensors, read_state])
def test_what_is_no_file(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name, says in {
        "absent": "no such file",
        "folder": "a folder; .* is needed",
        "pipe": "no regular file",
        "empty": "empty file|it has 0 bytes",
        "x" * 256: "too long",
        "a\0b": "null",
    }.items():
        with pytest.raises(FileError, match=says):
            read(str(tmp_path / name))


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x80\x02.", os.urandom(2000), b"PK\x03\x04" + bytes(100), b"text"])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_checkpoints_that_are_none(tmp_path, content, suffix):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"x\.\w+: "):
        read_state(path)


def test_objects_in_a_checkpoint_are_never_made(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    for protocol in (0, 2):
        for zipped in (True, False):
            torch.save(
                {"w": Evil()}, tmp_path / "x.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped
            )
            with pytest.raises(FileError, match=r"never unpickled|neither"):
                read_state(tmp_path / "x.pt")
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_that_was_cut_short(tmp_path):
    torch.save({"w": torch.randn(50)}, tmp_path / "whole.pt")
    save_file({"w": torch.randn(50)}, tmp_path / "whole.safetensors")
    for name in ("whole.pt", "whole.safetensors"):
        data = (tmp_path / name).read_bytes()
        for keep in range(0, len(data), 37):
            (tmp_path / "x.pt").write_bytes(data[:keep])
            with pytest.raises(FileError):
                read_state(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN"),
        ("[1, -Infinity]", "-Infinity"),
        ("1e999", "1e999"),
        ('{"a": {"b": 1, "b": 1}}', "'b' stands twice"),
        ("[" * 101 + "]" * 101, "more than 100"),
        ("[" * 10**6, "more than 100|Expecting"),
        ("1" * 5000, "digits"),
        ("{", "Expecting"),
        (b"\xff", "utf-8"),
    ],
)
def test_json_that_is_refused(text, says):
    with pytest.raises(FileError, match=f"file: not valid JSON .*({says})"):
        parse_json(text, "file")


def test_json_that_is_taken():
    assert parse_json("[" * 100 + "]" * 100, "file")
    assert parse_json('{"a": [1, 2.5, null, true, "x"]}', "file") == {"a": [1, 2.5, None, True, "x"]}
    assert parse_json("[NaN]", "file", finite=False)[0] != 0


@pytest.mark.parametrize("value", [None, [], {}, {"a": True}, {"a": "x"}, {"a": 1.0}, {"a": None}])
def test_fields_are_checked(value):
    with pytest.raises(FileError, match="file: not a complete thing: "):
        check_fields(value, {"a": int}, "file", "thing")
    assert check_fields({"a": 1, "b": None}, {"a": int, "b": dict | None}, "file", "thing")


def test_metadata_without_ours_are_foreign(tmp_path):
    (tmp_path / "x").write_bytes(save({"x": torch.zeros(1)}, {"other": json.dumps({})}))
    for read in (rn.load, load_limit):
        with pytest.raises(FileError, match="a safetensors file, but not one that"):
            read(tmp_path / "x")
