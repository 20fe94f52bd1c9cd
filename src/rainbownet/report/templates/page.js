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
    select.value = data.filter(function (trace) { return trace.visible; })[0].meta.layer;
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
