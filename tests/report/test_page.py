"""The page: what it shows is what was computed, it loads nothing, and a browser draws it without an error."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rainbownet as rn
from rainbownet.errors import MissingExtra
from rainbownet.report import collect, page, write_report
from report.subjects import Tables, batches, embedded, network

pytest.importorskip("plotly", reason="reports need the extra [report]")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LARGEST = 10_000_000


@pytest.fixture(scope="module")
def report():
    nets = [network(seed) for seed in range(3)]
    return collect(nets, batches(), test=batches(100, seed=2), widths=[1, 2], names=["<a>", "b", "c"], title="A & B")


@pytest.fixture(scope="module")
def text(report):
    return page(report)


def test_the_numbers_shown_are_those_computed(report, text):
    tables = Tables(text)
    shown = tables.named("Copy score")
    for row, expected in zip(shown, report.samples.to_dict("records"), strict=True):
        assert row["Accuracy"] == f"{100 * expected['accuracy']:.1f} %"
        assert row["Cosine"] == f"{expected['cosine']:.3g}"
        assert row["Law"] == expected["law"]
    networks = tables.named("Parameters")
    assert [row["Network"] for row in networks] == ["<a>", "b", "c"]
    assert [row["Accuracy"] for row in networks] == [f"{100 * a:.1f} %" for a in report.networks["accuracy"]]
    layers = tables.named("Decay per rank")
    assert [float(row["Effective rank"]) for row in layers] == pytest.approx(
        list(report.layers["effective_rank"]), rel=5e-3
    )
    assert len(tables.named("Excess kurtosis")) == len(report.gaussianity)
    assert f"<b>{100 * report.networks['accuracy'].iloc[0]:.1f} %</b><span>trained accuracy" in text


def test_the_numbers_inside_are_those_computed(report, text):
    assert embedded(text, "numbers") == report.to_dict()


def test_plots_hold_the_numbers(report, text):
    figures = embedded(text, "figures")
    drawn = report.samples[report.samples["law"] == "rainbow"]
    trace = next(trace for trace in figures["accuracy"]["data"] if trace["name"] == "sample")
    assert trace["x"] == list(drawn["width"])
    assert trace["y"] == pytest.approx([100 * a for a in drawn["accuracy"]])
    assert [t["name"] for t in figures["weights"]["data"]] == list(report.layers["layer"])
    assert {t["meta"]["layer"] for t in figures["bulk"]["data"]} == set(report.layers["layer"])
    (heat,) = figures["layers"]["data"]
    first = report.similarity.query("layer_a == '0' and layer_b == '3'")["held_value"]
    assert heat["z"][heat["y"].index("0")][heat["x"].index("3")] == pytest.approx(first.mean())


def test_the_networks_on_top_are_those_behind_the_law(tmp_path):
    rainbow = rn.fit([network(seed) for seed in range(2)], batches(100))
    rainbow.save(tmp_path / "two.rainbow")
    text = page(collect(rn.load(tmp_path / "two.rainbow")))
    assert "<b>2</b><span>networks behind the law" in text
    assert "2 behind the law; the one shown is the reference" in text


def test_densities_open_on_the_layer_with_the_most_eigenvalues(report, text):
    visible = {t["meta"]["layer"] for t in embedded(text, "figures")["bulk"]["data"] if t["visible"]}
    sizes = report.layers.set_index("layer")[["rows", "dimensions"]].min(axis=1)
    assert sizes[list(visible)].tolist() == [sizes.max()]


def test_every_plot_has_a_place_and_every_place_a_plot(text):
    places = re.findall(r'id="plot-(\w+)"', text)
    assert sorted(places) == sorted(embedded(text, "figures"))


def test_every_warning_is_on_the_page(report, text):
    assert report.warnings
    assert text.count("<li>") == len(report.warnings)


def test_names_and_titles_are_escaped(text):
    assert "<title>A &amp; B</title>" in text
    assert "&lt;a&gt;" in text
    assert "<a>" not in text.split("<script", 1)[0]


def test_nothing_is_loaded(text):
    scripts = re.findall(r"<script[^>]*>", text)
    assert len(scripts) == 4
    assert not any("src" in script for script in scripts)
    own = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "http" not in own
    assert not re.search(r"@import|url\(", own)
    assert re.findall(r'(?:href|src)="([^"]*)"', own) == ["data:,"]


def test_a_page_without_samples_or_networks_to_compare_is_whole():
    text = page(collect(rn.fit(network(), batches(100))))
    assert "Samples against" not in text
    assert "How alike" not in text
    assert sorted(embedded(text, "figures")) == ["bulk", "kurtosis", "quantiles", "weights"]
    assert sorted(re.findall(r'id="plot-(\w+)"', text)) == ["bulk", "kurtosis", "quantiles", "weights"]


def test_without_plotly_nothing_is_computed_and_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rainbownet\[report\]'"):
        write_report(None, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_twenty_layers_of_five_networks_stay_small(tmp_path):
    nets = [network(seed, width=16, depth=19) for seed in range(5)]
    found = write_report(nets, tmp_path / "report.html", batches(100), widths=[1])
    assert len(found.layers) == 20
    assert len(found.networks) == 5
    assert 4_000_000 < (tmp_path / "report.html").stat().st_size < LARGEST


def browser() -> str:
    """Return a browser, or skip."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    cached = sorted(Path.home().glob(".cache/ms-playwright/chromium*/chrome-*/*chrome*"))
    found = found or next((str(path) for path in cached if path.is_file()), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} on PATH, none installed by playwright")
    return found


def opened(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Open `page.html` of a folder headless and without a network."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder / 'user'}"]
    network = ["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=15000", "--enable-logging=stderr"]
    command = [browser(), *options, *network, *arguments, (folder / "page.html").as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.extra
@pytest.mark.parametrize("colours", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_browser_draws_it_without_an_error(tmp_path, text, colours):
    pillow = pytest.importorskip("PIL.Image", reason="Pillow reads the picture")
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    dark = ["--blink-settings=preferredColorScheme=0"] if colours == "dark" else []
    found = opened(tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1100,2400", *dark)
    assert "CONSOLE" not in found.stderr
    picture = pillow.open(tmp_path / "page.png").convert("RGB")
    assert picture.size == (1100, 2400)
    assert (sum(picture.getpixel((3, 3))) > 600) == (colours == "light")
    # The first plot: a sample's orange line on the page's own paper.
    colours_found = picture.getcolors(1 << 24)
    orange = sum(count for count, (r, g, b) in colours_found if abs(r - 226) + abs(g - 120) + abs(b - 40) < 30)
    assert orange > 200


@pytest.mark.extra
@pytest.mark.slow
def test_every_plot_is_drawn(tmp_path, text):
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    state = re.search(r"<html[^>]*>", opened(tmp_path, "--dump-dom").stdout)
    assert state is not None
    assert f'data-drawn="{len(embedded(text, "figures"))}"' in state[0]
    assert 'data-errors=""' in state[0]


WIDTHS = """<body style="margin:0"><iframe src="inner.html" style="border:0;width:{width}px;height:3000px"></iframe>
<script>setTimeout(function () {{
  var inner = document.querySelector("iframe").contentDocument, found = [];
  inner.querySelectorAll("main *").forEach(function (part) {{
    if (part.getBoundingClientRect().right > {width} && !part.closest(".scroll")) found.push(part.tagName);
  }});
  inner.querySelectorAll(".scroll").forEach(function (box) {{
    if ({width} >= 1200 && box.scrollWidth > box.clientWidth) found.push("TABLE " + box.innerText.slice(0, 40));
  }});
  document.documentElement.dataset.beyond = found.join("|") || "none";
}}, 9000);</script></body>"""
"""A frame narrower than a window can be; it lists what is wider, and tables cut where they need not be."""


@pytest.mark.extra
@pytest.mark.parametrize(
    "width", [pytest.param(400, marks=pytest.mark.slow), pytest.param(800, marks=pytest.mark.slow), 1200]
)
def test_nothing_is_wider_than_the_window_and_tables_fit_a_wide_one(tmp_path, text, width):
    (tmp_path / "inner.html").write_text(text, encoding="utf-8")
    (tmp_path / "page.html").write_text(WIDTHS.format(width=width), encoding="utf-8")
    found = opened(tmp_path, "--dump-dom", "--allow-file-access-from-files", "--window-size=1300,3000")
    assert re.search(r'data-beyond="([^"]*)"', found.stdout)[1] == "none"


@pytest.mark.extra
@pytest.mark.slow
def test_an_error_of_a_script_would_be_seen(tmp_path, text):
    (tmp_path / "page.html").write_text(text.replace("drawAll().then", "missing(); drawAll().then"), encoding="utf-8")
    found = opened(tmp_path, "--dump-dom")
    assert "missing is not defined" in found.stdout.split(">", 2)[1]
    assert "CONSOLE" in found.stderr
