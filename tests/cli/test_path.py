"""The verb `path`: points and barriers of four paths, and what it refuses."""

from cli.commands import KWARGS, numbers, refused, run, weights


def test_path_measures_every_kind(tmp_path):
    a, b = weights(tmp_path, seed=0), weights(tmp_path, seed=1)
    arguments = [
        "path",
        "digits_cnn",
        "--kwargs",
        KWARGS,
        "--weights",
        a,
        "--weights",
        b,
        "--points",
        2,
        "--limit",
        200,
    ]
    result = run(*arguments, "--json", tmp_path / "path.json")
    assert "Barriers" in result.stdout
    found = numbers(tmp_path / "path.json")
    assert [row["kind"] for row in found["barriers"]] == ["unaligned", "permutation", "rotation", "sampled"]
    assert len(found["points"]) == 8


def test_path_needs_two_files_of_weights(tmp_path):
    assert "needed twice" in refused("path", "digits_cnn", "--kwargs", KWARGS, "--weights", weights(tmp_path))
