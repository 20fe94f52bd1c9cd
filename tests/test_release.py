"""What a release holds together: one version, extras that have what the sources ask them for, Pythons that CI tries."""

import ast
import re
from pathlib import Path

import pytest

from rainbownet.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
EXTRAS = {
    name: re.findall(r'"([^"]+)"', packages)
    for name, packages in re.findall(
        r"^(\w+) = \[(.*)\]$", PROJECT.partition("[project.optional-dependencies]")[2].partition("\n[")[0], re.MULTILINE
    )
}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
"""Packages that are installed under another name than they are imported by."""


def required():
    """Return the packages that sources import when they are needed, and the extra that each call names."""
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
                extra = next(keyword.value for keyword in node.keywords if keyword.arg == "extra")
                if isinstance(node.args[0], ast.Constant) and isinstance(extra, ast.Constant):
                    yield str(node.args[0].value).partition(".")[0], str(extra.value)


def packages(extra):
    """Return the names of what an extra brings, those of extras in it included."""
    found = set()
    for line in EXTRAS[extra]:
        name, inner = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", line).groups()
        found |= set().union(*map(packages, inner.split(","))) if inner else {name}
    return found


def test_the_version_is_written_once():
    assert 'dynamic = ["version"]' in PROJECT
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize(("package", "extra"), sorted(set(required())))
def test_an_extra_that_is_named_brings_the_package(package, extra):
    assert DISTRIBUTIONS.get(package, package) in packages(extra)


def test_sources_name_the_extras_of_users():
    assert {extra for _, extra in required()} >= {"train", "plot", "report", "cluster"}


def test_all_is_every_extra_of_users():
    users = set(EXTRAS) - {"all", "docs", "dev"} - {"torchvision", "timm", "hf"}  # these may bring another torch
    assert packages("all") == set().union(*map(packages, users))


def test_ci_tries_every_python_that_is_promised():
    least = re.search(r'requires-python = ">=3\.(\d+)"', PROJECT)
    promised = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    tried = re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", workflow)[1])
    assert promised == tried
    assert promised[0] == f"3.{least[1]}"
