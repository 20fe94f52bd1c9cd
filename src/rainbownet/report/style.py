"""How a report looks and behaves: its style sheet and its script, which draws the plots in the reader's colours."""

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --card: #f6f7f9; --text: #1b1f24; --soft: #5b6470;
  --line: #d9dde3; --grid: #e6e9ee; --warn: #fff6e5; --warnline: #e0a030; --accent: #2f80c7; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --card: #1d2127; --text: #e6e9ed; --soft: #9aa4b0;
  --line: #363c45; --grid: #2b3038; --warn: #2c2415; --warnline: #b8862f; --accent: #6db1ee; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 1.5rem 1.1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .3rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
p { margin: .4rem 0; max-width: 75ch; }
p.soft, footer, figcaption { color: var(--soft); font-size: .9rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .7rem; margin: 1.1rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.45rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .85rem; }
.warnings { background: var(--warn); border: 1px solid var(--warnline); border-radius: .6rem; padding: .5rem 1.1rem; }
.warnings ul { padding-left: 1.1rem; margin: .4rem 0; }
.warnings li { margin: .35rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; margin: .8rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; margin: .8rem 0; max-height: 32rem; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: left; white-space: nowrap; }
th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 600; z-index: 1; }
td { border-top: 1px solid var(--grid); max-width: 22rem; overflow: hidden; text-overflow: ellipsis; }
td.n, th.n { text-align: right; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--paper); }
th:first-child { background: var(--card); z-index: 2; }
figure { margin: .8rem 0; }
.plot { width: 100%; height: 360px; }
select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
  padding: .25rem .5rem; max-width: 100%; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; }
@media (max-width: 600px) {
  main { padding: 1rem .8rem 2rem; } h1 { font-size: 1.4rem; } .plot { height: 340px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } td { max-width: 14rem; } }
@media print { .scroll { max-height: none; overflow: visible; } }
"""
"""Colours come from variables, which dark mode redefines; the script reads them for the plots."""

SCRIPT = """
(function () {
  "use strict";
  var root = document.documentElement, errors = [];
  function failed(text) { errors.push(String(text)); root.dataset.errors = errors.join(" | "); }
  root.dataset.errors = "";
  window.addEventListener("error", function (event) { failed(event.message); });
  window.addEventListener("unhandledrejection", function (event) { failed(event.reason); });

  var figures = JSON.parse(document.getElementById("figures").textContent);
  var config = { responsive: true, displaylogo: false, displayModeBar: window.innerWidth < 700 ? false : "hover",
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] };
  var dark = window.matchMedia("(prefers-color-scheme: dark)");

  function colour(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }

  function themed(layout, count) {
    var out = Object.assign({}, layout);
    out.paper_bgcolor = out.plot_bgcolor = "rgba(0,0,0,0)";
    out.font = { color: colour("--text"), family: getComputedStyle(document.body).fontFamily, size: 13 };
    out.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--accent") };
    out.hoverlabel = { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--text") } };
    Object.keys(layout).filter(function (key) { return /^[xy]axis/.test(key); }).forEach(function (key) {
      out[key] = Object.assign({}, layout[key], { gridcolor: colour("--grid"), linecolor: colour("--line"),
        zerolinecolor: colour("--line"), tickcolor: colour("--line") });
    });
    if (count > 5 && window.innerWidth < 700) out.showlegend = false;
    else if (count > 8) {
      out.legend = { orientation: "v", x: 1.01, y: 1, font: { size: 11 } };
      out.margin = Object.assign({}, layout.margin, { t: 34 });
    }
    return out;
  }

  function shownTraces(figure) {
    return figure.data.filter(function (trace) { return trace.visible !== false; }).length;
  }

  function draw(name) {
    var place = document.getElementById("plot-" + name);
    return Plotly.react(place, figures[name].data, themed(figures[name].layout, shownTraces(figures[name])), config);
  }

  function choose(name) {
    var data = figures[name].data, layers = [];
    data.forEach(function (trace) {
      if (trace.meta && layers.indexOf(trace.meta.layer) < 0) layers.push(trace.meta.layer);
    });
    if (layers.length < 2) return;
    var select = document.createElement("select");
    select.setAttribute("aria-label", "layer");
    layers.forEach(function (layer) { select.add(new Option(layer, layer)); });
    select.addEventListener("change", function () {
      data.forEach(function (trace) { trace.visible = trace.meta.layer === select.value; });
      draw(name);
    });
    var place = document.getElementById("plot-" + name);
    place.parentNode.insertBefore(select, place);
  }

  function drawAll() { return Promise.all(Object.keys(figures).map(draw)); }

  Object.keys(figures).forEach(choose);
  drawAll().then(function () { root.dataset.drawn = Object.keys(figures).length; }, failed);
  dark.addEventListener("change", drawAll);
})();
"""
"""Draws every figure, again when the reader's colours change, and leaves errors in `data-errors` of the page."""
