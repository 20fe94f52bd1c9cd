"""The house: no circle of imports, rooms in the order of the internals page, public parameters written out."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[1]
PACKAGE = "rainbownet"

OPEN_OPTIONS = {
    "rainbownet.nets.build": "arguments of any reference architecture, checked against its own signature",
    "rainbownet.naming.resolve": "arguments of any factory",
}
"""Public functions that pass on what they cannot know, and what that is."""

MEANING = {
    "everything else": set(),  # stands first
    "nothing": set(),
    "rows": {"moments", "laws"},
    "networks": {"graph", "nets", "walk"},
    "data": {"data", "training", "ensemble"},
    "statistics": {"spectra", "moments", "laws", "aligned"},
    "what is done at a node": {"moments", "laws", "aligned", "rainbow"},
    "sampling": {"rainbow", "limit"},
    "rainbows": {"rainbow", "limit", "analysis", "paths", "facade", PACKAGE},
    "the limit": {"limit"},
    "the façade": {"facade", PACKAGE},
    "plots": {"plotting", "report"},
    "experiments": {"experiments"},
    "the command line": {"cli"},
}
"""Rooms that the words of the column "knows nothing of" stand for; "each other" is the other rooms of the row."""


@cache
def modules() -> dict[str, Path]:
    """Return the file of each module."""
    source = ROOT / "src"
    files = sorted((source / PACKAGE).rglob("*.py"))
    return {".".join(f.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): f for f in files}


def imported(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Return the modules that a file names in imports, also those in functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from (name for name in (full if full in known else node.module,) if name in known)


@cache
def arrows() -> nx.DiGraph:
    """Return the graph of imports between modules."""
    graph = nx.DiGraph()
    for name, file in modules().items():
        targets = imported(ast.parse(file.read_text(encoding="utf-8")), set(modules()))
        graph.add_edges_from((name, target) for target in targets if target != name)
    return graph


def on_circles(graph: nx.DiGraph) -> set[str]:
    return {name for part in nx.strongly_connected_components(graph) if len(part) > 1 for name in part}


def room(module: str) -> str:
    """Return the room of a module; the package itself is the façade."""
    return module.split(".")[1] if "." in module else PACKAGE


@cache
def rows() -> list[tuple[list[str], set[str]]]:
    """Return the table of the internals page: rooms of each row, and what they know nothing of."""
    page = (ROOT / "docs" / "internals.md").read_text(encoding="utf-8")
    table = re.search(r"\| room \|.*?knows nothing of \|\n\|[-| ]+\|\n((?:\|.*\n)+)", page)
    assert table is not None
    found = []
    for line in table[1].splitlines():
        first, _, last = (cell.strip() for cell in line.strip("|").split("|"))
        rooms, words = re.findall(r"`(\w+)`", first), [word.strip() for word in last.split(",")]
        unknown = set().union(*(set() if word == "each other" else MEANING[word] for word in words))
        found.append((rooms, unknown | ({"each other"} if "each other" in words else set())))
    return found


def against_the_order() -> set[tuple[str, str]]:
    """Return imports between rooms that run up the table, or to what a room should know nothing of."""
    order = [name for rooms, _ in rows() for name in rooms]
    unknown = {
        name: (row - {"each other"}) | (set(rooms) - {name} if "each other" in row else set())
        for rooms, row in rows()
        for name in rooms
    }
    pairs = {(room(a), room(b)) for a, b in arrows().edges}
    return {(a, b) for a, b in pairs if a != b and (order.index(b) > order.index(a) or b in unknown[a])}


def open_options(name: str, tree: ast.Module) -> Iterator[str]:
    """Return public functions and methods with a `**` parameter of any type."""
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{name}.{node.name}" if isinstance(node, ast.ClassDef) else name
        for function in inner:
            if not isinstance(function, ast.FunctionDef) or function.args.kwarg is None:
                continue
            full, annotation = f"{prefix}.{function.name}", function.args.kwarg.annotation
            public = not any(part.startswith("_") for part in full.split("."))
            if public and (annotation is None or ast.unparse(annotation) in ("Any", "object")):
                yield full


def with_open_options() -> set[str]:
    trees = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in modules().items()}
    return {found for name, tree in trees.items() for found in open_options(name, tree)} - OPEN_OPTIONS.keys()


def test_no_module_is_on_a_circle_of_imports():
    assert on_circles(arrows()) == set()


def test_every_room_stands_once_in_the_table_of_the_internals_page():
    order = [name for rooms, _ in rows() for name in rooms]
    assert sorted(order) == sorted({room(name) for name in modules()} | {PACKAGE})


def test_rooms_import_only_what_stands_above_them_and_what_they_may_know_of():
    assert against_the_order() == set()


def test_public_parameters_are_written_out():
    assert with_open_options() == set()


def test_imports_are_seen_in_functions_and_under_type_checking():
    text = "if TYPE_CHECKING:\n    from a.b import C\ndef f():\n    import a.c\n    from a import d\n"
    assert set(imported(ast.parse(text), {"a", "a.b", "a.c", "a.d"})) == {"a.b", "a.c", "a.d"}


def test_a_circle_would_be_seen():
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")])
    assert on_circles(graph) == {"a", "b", "c"}


def test_open_options_would_be_seen():
    text = "def f(**options: Any): ...\ndef _g(**options: Any): ...\nclass C:\n    def m(self, **k): ...\n"
    assert set(open_options("m", ast.parse(text))) == {"m.f", "m.C.m"}
