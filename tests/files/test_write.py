"""Writing files: whole or not at all, through links and pipes, with the mode of a plain `open`."""

import errno
import os
import stat
import threading

import pytest
import torch

import rainbownet as rn
from cases import CASES
from rainbownet.errors import FileError
from rainbownet.files.tensors import read_tensors, write_tensors
from rainbownet.files.write import append_line, check_writable, make_folder, write_file, write_text
from rainbownet.training.files import RunFiles


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("tensors", [False, True])
def test_a_new_file_has_the_mode_that_open_gives(tmp_path, umask, tensors):
    with open(tmp_path / "plain", "w"):
        pass
    if tensors:
        write_tensors(tmp_path / "ours", {"x": torch.zeros(2)})
    else:
        write_file(tmp_path / "ours", b"content")
    assert mode(tmp_path / "ours") == mode(tmp_path / "plain") == 0o666 & ~umask


def test_a_file_that_was_there_keeps_its_mode(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o640


def test_the_target_of_a_link_is_updated_and_the_link_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in ("made", "changed"):
        write_text(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
        assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_pipe_is_written_through(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = []
    reader = threading.Thread(target=lambda: content.append(pipe.read_bytes()))
    reader.start()
    assert write_tensors(pipe, {"x": torch.arange(3)}) == len_of(tmp_path)
    reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "copy").write_bytes(content[0])
    assert torch.equal(read_tensors(tmp_path / "copy")[0]["x"], torch.arange(3))


def len_of(folder) -> int:
    return write_tensors(folder / "beside", {"x": torch.arange(3)})


def test_a_rainbow_is_written_through_a_pipe_and_a_link(tmp_path):
    case = CASES["mlp"]
    rainbow = rn.fit(case.network(), [case.images()])
    (tmp_path / "link").symlink_to(tmp_path / "target")
    size = rainbow.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    content = []
    reader = threading.Thread(target=lambda: content.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert rainbow.save(tmp_path / "pipe") == size
    reader.join(10)
    assert content[0] == (tmp_path / "target").read_bytes()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    import socket

    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(FileError, match="socket"):
            write_file("socket", b"x")
        assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


def impossible(folder):
    (folder / "file").write_text("old")
    (folder / "loop").symlink_to(folder / "loop")
    return {
        "a folder": folder,
        "no folder above": folder / "missing" / "x",
        "a file above": folder / "file" / "x",
        "name too long": folder / ("x" * 256),
        "zero byte": f"{folder}/a\0b",
        "a loop of links": folder / "loop",
    }


@pytest.mark.parametrize(
    "what", ["a folder", "no folder above", "a file above", "name too long", "zero byte", "a loop of links"]
)
def test_what_cannot_be_written_is_refused_before_and_after(tmp_path, what):
    path = impossible(tmp_path)[what]
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(FileError):
        check_writable(None, path)
    with pytest.raises(FileError):
        write_file(path, b"x")
    with pytest.raises(FileError):
        write_tensors(path, {"x": torch.zeros(1)})
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_the_longest_name_can_be_written(tmp_path):
    path = tmp_path / ("x" * 255)
    check_writable(path)
    write_file(path, b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["x" * 255]


def test_a_read_only_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    for write in (check_writable, lambda p: write_text(p, "new")):
        with pytest.raises(FileError, match="read-only"):
            write(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("write", [lambda p: write_file(p, b"new"), lambda p: write_tensors(p, {"x": torch.zeros(9)})])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, write):
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(FileError, match="No space left on device"):
        write(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


@pytest.mark.extra
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is a thing of Linux")
def test_a_device_that_is_full_is_an_error_of_ours(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/dev/full")
    with pytest.raises(FileError, match="No space left"):
        write_file(link, b"x" * 100_000)
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_lines_and_folders_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(FileError, match="file"):
        append_line(tmp_path / "file" / "x", "line")
    with pytest.raises(FileError, match="folder cannot be made"):
        make_folder(tmp_path / "file")
    with pytest.raises(FileError, match="folder cannot be made"):
        write_file(tmp_path / "file" / "x" / "y", b"x", parents=True)
    append_line(tmp_path / "file", " and new")
    assert (tmp_path / "file").read_text() == "old and new\n"


def test_the_files_of_a_training_have_the_mode_that_open_gives(tmp_path, umask):
    files = RunFiles(tmp_path / "run", {"seed": 0})
    files.claim()
    files.save_state(0, {"x": torch.zeros(1)}, {"epoch": 0})
    files.keep_epoch(0, {"x": torch.zeros(1)}, {})
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    files.finish({"x": torch.zeros(1)}, {})
    written = [path for path in [*written, files.model] if path.exists()]
    assert len(written) == 4
    assert {mode(path) for path in written} == {0o666 & ~umask}
