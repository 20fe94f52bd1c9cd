"""The package itself: public names are loaded when they are used, and the command line starts without PyTorch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rainbownet

HEAVY = {"torch", "pandas", "scipy", "numpy", "sklearn", "matplotlib", "datasets"}


def imported_by(code: str) -> set[str]:
    """Return the heavy packages that a program has imported in the end."""
    seen = f"import sys; print('HEAVY', *(set(sys.modules) & {HEAVY}))"
    program = f"try:\n    {code}\nexcept SystemExit:\n    pass\n{seen}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def command(*arguments: str) -> str:
    return f"import sys; sys.argv = {['rainbownet', *arguments]}; import rainbownet.__main__ as m; m.main()"


def test_the_import_of_the_package_loads_nothing_heavy():
    assert imported_by("import rainbownet; dir(rainbownet)") == set()


def test_a_law_is_loaded_without_what_it_does_not_need():
    program = "import rainbownet, sys; rainbownet.Gaussian; assert not {f'rainbownet.{r}' for r in "
    program += "('limit', 'report', 'analysis', 'rainbow', 'graph')} & set(sys.modules), sys.modules"
    assert "torch" in imported_by(program)


def test_every_public_name_is_there_and_listed():
    for name in rainbownet.__all__:
        assert getattr(rainbownet, name) is not None
    assert set(rainbownet.__all__) <= set(dir(rainbownet))
    with pytest.raises(AttributeError, match="no attribute 'rainbows'"):
        rainbownet.rainbows  # noqa: B018


def test_a_public_name_is_not_hidden_by_a_module_of_the_same_name():
    program = "import rainbownet.paths, rainbownet.rainbow, rainbownet.aligned.compare; import rainbownet as r; "
    program += "assert all(callable(f) for f in (r.path, r.fit, r.load, r.compare))"
    imported_by(program)


def test_type_checkers_see_the_names_that_are_loaded_lazily():
    tree = ast.parse(Path(rainbownet.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    static = {
        (name.name, node.module) for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    rooms = {(name, "rainbownet") for name in rainbownet._ROOMS}
    assert static == set(rainbownet._HOME.items()) | rooms
    assert {name for name, _ in static - rooms} == set(rainbownet.__all__)


VERBS = ("demo", "info", "fit", "sample", "limit", "compare", "path", "report", "train", "reproduce")
WORDS = ("", "--help", "--version", "smaple", "analyze", "analyze --help", "analyze bulk --help", "fit digits_mlp")


@pytest.mark.parametrize("line", [*WORDS, *(f"{verb} --help" for verb in VERBS)])
def test_help_and_refusals_of_words_load_nothing_heavy(line):
    assert imported_by(command(*line.split())) == set()
