"""Every script of the tutorial and the gallery runs; its page shows what it gave, its notebook what it says."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SPEC = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "extensions" / "pages.py")
pages = importlib.util.module_from_spec(_SPEC)
sys.modules["pages"] = pages
_SPEC.loader.exec_module(pages)

SCRIPTS = pages.scripts()


def by_name(script):
    return f"{script.parent.name}/{script.stem}"


@pytest.mark.filterwarnings("default::rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_a_script_runs_and_draws_what_its_page_shows(script, tmp_path):
    outputs = pages.run(script, tmp_path)
    names = [[name for name, _ in output.figures] for output in outputs]
    assert names == [[name for name, _ in cell["figures"]] for cell in pages.stored(script)["cells"]]
    assert [bool(o.printed) for o in outputs] == [bool(cell["printed"]) for cell in pages.stored(script)["cells"]]


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_a_page_shows_results_of_the_code_as_it_is(script):
    assert pages.stored(script)["code"] == pages.digest(pages.read(script)), "run `make gallery`"
    text = pages.page(script)
    figures = re.findall(r"!\[([^\]]*)\]\((results/[^)]+)\)", text)
    assert all(len(alt.split()) > 3 for alt, _ in figures)
    assert all((script.parent / place).is_file() for _, place in figures)


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_a_notebook_has_every_cell(script):
    book = json.loads(pages.notebook(script))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    code = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
    assert code == [pages.INSTALL.strip(), *(cell.text for cell in pages.read(script) if cell.is_code)]
    assert not any(
        re.search(r"\\\(|\?\?\?", cell["source"]) for cell in book["cells"] if cell["cell_type"] == "markdown"
    )


def test_results_of_other_code_are_refused(tmp_path, monkeypatch):
    script = tmp_path / "one.py"
    script.write_text("# %% [markdown]\n# # One\n\n# %%\nprint(1)\n", encoding="utf-8")
    pages.store(script)
    assert pages.page(script).endswith("```python\nprint(1)\n```\n\n```text\n1\n```\n")
    script.write_text("# %% [markdown]\n# # One\n\n# %%\nprint(2)\n", encoding="utf-8")
    with pytest.raises(ValueError, match="make gallery"):
        pages.page(script)


def test_what_is_printed_does_not_end_its_block(tmp_path):
    script = tmp_path / "one.py"
    script.write_text("# %% [markdown]\n# # One\n\n# %%\nprint('```python\\n1\\n```')\n", encoding="utf-8")
    pages.store(script)
    assert pages.page(script).endswith("````text\n```python\n1\n```\n````\n")


def test_a_folded_question_is_folded_in_a_notebook_too(tmp_path):
    script = tmp_path / "one.py"
    text = '# %% [markdown]\n# ??? question "Why \\(x\\)?"\n#\n#     Because.\n#\n# More.\n'
    script.write_text(text, encoding="utf-8")
    source = json.loads(pages.notebook(script))["cells"][0]["source"]
    assert source == "<details><summary>Why $x$?</summary>\n\nBecause.\n\n</details>\n\nMore."


def test_every_script_is_in_the_navigation_once():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for script in SCRIPTS:
        assert navigation.count(f"{by_name(script)}.md") == 1
