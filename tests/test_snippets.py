"""Every block of code of the documentation runs as it stands, page by page, in an empty folder."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Document, Example, Sybil
from sybil.example import NotEvaluated
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

import warm

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n.*?^ *```$", re.MULTILINE | re.DOTALL)
TEXT = ("", "text", "mermaid")
"""Languages of fences that hold no code."""


@pytest.fixture(scope="module")
def commands() -> Iterator[str]:
    """Where commands are found: `rainbownet` without the seconds that it takes to start, and what is installed."""
    # The path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="warm") as folder:
        address = Path(folder) / "socket"
        warm.install(Path(folder), address)
        words = [sys.executable, warm.__file__, str(address)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield os.pathsep.join([folder, str(Path(sys.executable).parent), os.environ["PATH"]])
            server.terminate()


def evaluate_shell(example: Example) -> None:
    """Run a block in bash, with the variables that blocks before it set; the first command that fails ends it."""
    script = f"set -ea\n[ ! -e .variables ] || . ./.variables\n{example.parsed}\nexport -p > .variables\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, (
        f"{Path(example.path).name}:{example.line}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    )


def read(page: Path) -> Document:
    """Return a page divided into its examples."""
    parsers = [PythonCodeBlockParser(), CodeBlockParser("shell", evaluate_shell), SkipParser()]
    return Sybil(parsers=parsers).parse(page)


def evaluate(example: Example) -> str | None:
    """Run an example, or return the reason given for not running it."""
    try:
        example.evaluate()
    except NotEvaluated:
        raise AssertionError(f"{Path(example.path).name}:{example.line}: a block is skipped without a reason") from None
    except SkipTest as reason:
        return str(reason)
    return None


def run(page: Path) -> tuple[int, list[str]]:
    """Run the examples of a page; return how many ran, and the reasons given for those that are not to be run."""
    blocks = [(example, evaluate(example)) for example in read(page).examples()]
    reasons = [reason for _, reason in blocks if reason is not None]
    return sum(e.region.lexemes is not None and "source" in e.region.lexemes for e, _ in blocks) - len(reasons), reasons


@pytest.mark.filterwarnings("default::rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if FENCE.search(page.read_text("utf-8"))], ids=lambda p: p.name
)
def test_the_code_of_a_page_runs(page, commands, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", commands)
    text = page.read_text(encoding="utf-8")
    blocks = [language for language in FENCE.findall(text) if language not in TEXT]
    ran, reasons = run(page)
    assert ran + len(reasons) == len(blocks)
    visible = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    assert all(reason in visible for reason in reasons)


def test_a_block_that_fails_is_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in ("```python\nassert 1 == 2\n```\n", "```shell\nfalse\ntrue\n```\n"):
        (tmp_path / "page.md").write_text(block, encoding="utf-8")
        with pytest.raises(AssertionError):
            run(tmp_path / "page.md")


def test_blocks_of_a_page_share_names_variables_and_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "```python\nx = 3\n```\n```shell\nA=b\n```\n```shell\necho $A > file\n```\n```python\n"
    text += "assert __import__('pathlib').Path('file').read_text() == 'b\\n'\nassert x == 3\n```\n"
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    assert run(tmp_path / "page.md") == (4, [])


@pytest.mark.parametrize("words", [["info", "digits_mlp"], ["fit", "absent"], ["nothing"]])
def test_the_command_without_its_start_is_the_one_that_is_installed(words, commands, tmp_path):
    first, *installed = commands.split(os.pathsep)
    done = [
        subprocess.run(["rainbownet", *words], env={**os.environ, "PATH": path}, cwd=tmp_path, capture_output=True)
        for path in (first, os.pathsep.join(installed))
    ]
    assert (done[0].returncode, done[0].stdout, done[0].stderr) == (done[1].returncode, done[1].stdout, done[1].stderr)
