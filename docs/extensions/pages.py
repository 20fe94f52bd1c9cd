"""Scripts as pages: a script in cells becomes a page with what it printed and drew, and a notebook.

A script of `docs/gallery` or `docs/tutorial` is divided by lines `# %%` (code) and `# %% [markdown]` (text in
comments), as editors and jupytext do. `python docs/extensions/pages.py` (`make gallery`) runs the scripts whose code
has changed and stores what they gave beside them; the site is built from that, without running anything. The text that
stands for a figure where it cannot be seen is the name of the figure: `plt.figure("Accuracy against width")`.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1]
FOLDERS = ("tutorial", "gallery")
MARK = re.compile(r"^# %%(.*)\n", re.MULTILINE)
INSTALL = """# On a machine that does not have the library yet, such as one of Colab.
import importlib.util

if importlib.util.find_spec("rainbownet") is None:
    %pip install --quiet "rainbownet[train,plot,report]"
"""
QUESTION = re.compile(r'^\?\?\? question "(.*)"\n((?:\n| {4}.*\n?)+)', re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """Text, or code."""

    text: str
    is_code: bool


@dataclass(frozen=True)
class Output:
    """What a cell of code gave: what it printed, and its figures, name and PNG."""

    printed: str
    figures: list[tuple[str, bytes]]


def scripts() -> list[Path]:
    """Return the scripts, those of the tutorial first."""
    return [path for folder in FOLDERS for path in sorted((DOCS / folder).glob("*.py"))]


def read(script: Path) -> list[Cell]:
    """Divide a script into cells."""
    head, *parts = MARK.split(script.read_text(encoding="utf-8"))
    if head.strip():
        raise ValueError(f"{script}: what stands above the first line '# %%' belongs to no cell")
    cells = []
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        if kind.strip() == "[markdown]":
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines())
        cells.append(Cell(body.strip(), kind.strip() != "[markdown]"))
    return cells


def digest(cells: list[Cell]) -> str:
    """Return a hash of the code, which tells whether stored results are those of the script."""
    return hashlib.sha256("\0".join(cell.text for cell in cells if cell.is_code).encode()).hexdigest()[:16]


def run(script: Path, folder: Path) -> list[Output]:
    """Run the cells of code of a script in a folder, one after another in one namespace."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    names: dict[str, Any] = {"__name__": "__main__"}
    outputs = []
    with _inside(folder):
        for number, cell in enumerate(read(script)):
            if not cell.is_code:
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(cell.text, f"{script.name}, cell {number}", "exec"), names)
            figures = []
            for each in map(pyplot.figure, pyplot.get_fignums()):
                picture = io.BytesIO()
                each.savefig(picture, format="png", dpi=110, bbox_inches="tight")
                figures.append((str(each.get_label()), picture.getvalue()))
            pyplot.close("all")
            outputs.append(Output(printed.getvalue(), figures))
    return outputs


@contextlib.contextmanager
def _inside(folder: Path):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def results_of(script: Path) -> Path:
    """Return the file of what a script gave."""
    return script.parent / "results" / f"{script.stem}.json"


def stored(script: Path) -> dict[str, Any]:
    """Return what is stored of a run: `code` (a hash), `seconds`, and `cells` with `printed` and `figures`."""
    place = results_of(script)
    return json.loads(place.read_text(encoding="utf-8")) if place.exists() else {"code": None, "cells": []}


def store(script: Path) -> float:
    """Run a script and store what it gave; return the seconds of processor time that it and its processes took."""
    place = results_of(script)
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        start = sum(os.times()[:4])
        outputs = run(script, Path(folder))
        seconds = round(sum(os.times()[:4]) - start, 1)
    for old in place.parent.glob(f"{script.stem}-*.png"):
        old.unlink()
    cells, count = [], 0
    for output in outputs:
        names = []
        for alt, picture in output.figures:
            count += 1
            name = f"{script.stem}-{count}.png"
            (place.parent / name).write_bytes(picture)
            names.append([alt, name])
        cells.append({"printed": output.printed, "figures": names})
    result = {"code": digest(read(script)), "seconds": seconds, "cells": cells}
    place.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return seconds


def page(script: Path) -> str:
    """Return a script as Markdown, with what is stored of its run."""
    cells, result = read(script), stored(script)
    if result["code"] != digest(cells):
        raise ValueError(f"{script}: its code has changed since its results were stored; run `make gallery`")
    links = f"[Notebook]({script.stem}.ipynb) · [Script]({script.name}) · {result['seconds']} s"
    found = iter(result["cells"])
    parts = []
    for number, cell in enumerate(cells):
        if not cell.is_code:
            title, _, rest = cell.text.partition("\n")
            parts.append(f"{title}\n\n{links}\n{rest}" if number == 0 else cell.text)
            continue
        output = next(found)
        parts.append(f"```python\n{cell.text}\n```")
        if output["printed"].strip():
            parts.append(_fenced(output["printed"].rstrip()))
        parts += [f"![{alt}](results/{name})" for alt, name in output["figures"]]
    return "\n\n".join(parts) + "\n"


def _fenced(printed: str) -> str:
    """Return what was printed as a block of text, whatever it holds."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", printed)), default=0))
    return f"{fence}text\n{printed}\n{fence}"


def notebook(script: Path) -> str:
    """Return a script as a Jupyter notebook, without results; its first code installs the library if need be."""
    cells = []
    title, *rest = read(script)
    for number, cell in enumerate([title, Cell(INSTALL.strip(), is_code=True), *rest]):
        own: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}}
        if cell.is_code:
            own |= {"cell_type": "code", "execution_count": None, "outputs": [], "source": cell.text}
        else:
            own |= {"cell_type": "markdown", "source": _for_notebooks(cell.text)}
        cells.append(own)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _for_notebooks(text: str) -> str:
    def fold(match: re.Match[str]) -> str:
        answer = re.sub(r"^ {4}", "", match[2], flags=re.MULTILINE).strip()
        return f"<details><summary>{match[1]}</summary>\n\n{answer}\n\n</details>\n\n"

    text = QUESTION.sub(fold, text + "\n").strip()
    return re.sub(r"\\[()]", "$", re.sub(r"\\[\[\]]", "$$", text))


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages and notebooks to the site (a hook of MkDocs)."""
    from mkdocs.structure.files import File

    for script in scripts():
        place = f"{script.parent.name}/{script.stem}"
        files.append(File.generated(config, f"{place}.md", content=page(script)))
        files.append(File.generated(config, f"{place}.ipynb", content=notebook(script)))
    return files


def main(words: list[str]) -> None:
    """Run the scripts that are named, or else those whose code has changed, and store what they gave."""
    for script in scripts():
        if script.stem in words if words else stored(script)["code"] != digest(read(script)):
            print(f"{script.parent.name}/{script.stem}", store(script), "s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
