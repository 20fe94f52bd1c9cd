"""MathJax as part of the site: formulas need nobody else's server, and are there without a network."""

from importlib import import_module
from pathlib import Path
from typing import Any

SCRIPT = "tex-chtml.js"
FONTS = "output/chtml/fonts/woff-v2"


def on_files(files: Any, *, config: Any) -> Any:
    """Add the script and its fonts, from the package that brings them (a hook of MkDocs)."""
    from mkdocs.structure.files import File

    home = Path(str(import_module("mathjax").__file__)).parent / "static" / "mathjax" / "es5"
    for path in (home / SCRIPT, *sorted((home / FONTS).glob("*.woff"))):
        place = f"javascripts/mathjax/{path.relative_to(home).as_posix()}"
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files
