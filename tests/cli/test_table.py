"""Tables fit the width of any terminal, and no cell of them is cut."""

import numpy as np
import pandas as pd
import pytest

from cli.commands import run, weights
from rainbownet.cli.output import print_table
from rainbownet.cli.table import cell

LONG = "layer1.0.downsample.conv.weight"
FRAME = pd.DataFrame(
    {
        "layer": ["0", "layer1.0.conv1", LONG],
        "state": ["trained", "initial", "trained"],
        "written by": [("0.weight", "layer1.0.conv1.weight", LONG), (), ("4.weight",)],
        "dimension": [64, 25, 10_000],
        "effective_rank": [8.681, 6.273, 3.791],
        "first": [0.0324, 1e-7, np.nan],
        "power_error": [0.107, 0.231, 12.5],
        "exponential_evidence": [-2.134, 1234567.0, 0.0],
        "drawn": [True, False, True],
        "accuracy": [0.985, 1.0, 0.0],
    }
)


def printed(capsys, monkeypatch, width, **options):
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(FRAME, "A table of what was found in every layer", percent=["accuracy"], **options)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_cell_is_cut_and_no_line_is_longer_than_the_terminal(capsys, monkeypatch, width):
    text = printed(capsys, monkeypatch, width, keys=2)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    words = text.split()
    for column in FRAME:
        for value in FRAME[column]:
            for word in cell(value, percent=column == "accuracy").split():
                assert word in words or len(word) > width // 2 - 2, (column, word)
    for name in FRAME:
        assert all(word in text for word in str(name).replace("_", " ").split())


def test_a_wide_terminal_shows_one_table_and_a_narrow_one_repeats_the_keys(capsys, monkeypatch):
    assert printed(capsys, monkeypatch, 200, keys=2).count("trained") == 2
    assert printed(capsys, monkeypatch, 80, keys=2).count("trained") >= 4


def test_words_longer_than_a_column_go_over_lines_and_lose_nothing(capsys, monkeypatch):
    text = printed(capsys, monkeypatch, 30)
    first = "".join(line[:14].strip() for line in text.splitlines() if line[:14].strip())
    assert LONG in first


def test_small_numbers_are_not_zero():
    assert [cell(value) for value in (0.0, 1e-7, 0.25, float("nan"), None)] == ["0.000", "1.0e-07", "0.250", "–", "–"]


@pytest.mark.parametrize("width", [60, 80])
def test_what_verbs_print_fits(tmp_path, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    net = weights(tmp_path)
    text = run("analyze", "spectra", "digits_cnn", "--kwargs", '{"width": 0.25}', "--weights", net).stdout
    tables = [line for line in text.splitlines() if not line.startswith("images:")]
    assert max(map(len, tables)) <= width
    assert "…" not in text


def test_bars_leave_the_screen_while_a_table_is_printed(capsys, monkeypatch):
    seen = []

    class Bar:
        def stop(self):
            seen.append(("stop", capsys.readouterr().out))

        def start(self):
            seen.append(("start", capsys.readouterr().out))

    monkeypatch.setattr("rainbownet.progress._running", [Bar()])
    print_table(FRAME, "A title")
    assert [name for name, _ in seen] == ["stop", "start"]
    assert seen[0][1] == ""
    assert "A title" in seen[1][1]
