"""The verb `compress`: a file of statistics, beside its companions, read by the other verbs."""

from pathlib import Path

import pytest

import rainbownet as rn
from cli.commands import KWARGS, numbers, refused, run, weights


@pytest.fixture(scope="module")
def rainbow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compress")
    run("fit", "digits_cnn", "--kwargs", KWARGS, "--weights", weights(folder), "-o", folder / "a.rainbow")
    return folder / "a.rainbow"


def test_a_small_file_is_written_measured_and_read_again(rainbow: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "small.rainbow", tmp_path / "found.json"
    run("compress", rainbow, "-o", out, "--bytes", "6kB", "--limit", 300, "--json", said)
    found = numbers(said)
    assert found["bytes"] == out.stat().st_size <= 6000
    names = [row["network"] for row in found["accuracies"]]
    assert names == ["trained", "identity baseline", "sample", "white control"]
    assert [law["rank"] for law in found["laws"]] == [law.rank for law in rn.load(out).laws.values()]
    run("sample", out, "--limit", 300, "--no-control", "--test-split", "none")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--bytes", "1kB"], "bytes: 1000 are too few"),
        (["--bytes", "9kB", "--rank", "3"], "rank and bytes exclude each other"),
        (["--rank", "many"], "--rank is 'many'"),
        (["--precision", "int4"], "int4"),
        (["--draw", "identity"], "no seed can give it again"),
    ],
)
def test_what_cannot_be_used_is_refused(rainbow: Path, tmp_path: Path, words: list[str], says: str) -> None:
    assert says in refused("compress", rainbow, "-o", tmp_path / "x.rainbow", "--limit", 300, *words)
    assert not list(tmp_path.iterdir())
