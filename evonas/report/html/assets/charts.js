// The charts, drawn by plotly.

const DASHES = ["solid", "dash", "dot", "dashdot"];
const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false };

const series = () => colour("series").split(",").map((tint) => tint.trim());
const seriesColour = (i) => series()[i % series().length];
const dash = (i) => DASHES[Math.floor(i / series().length) % DASHES.length];

function axis(title, more = {}) {
  return {
    title: { text: plain(title), standoff: 10, font: { size: 12.5 } }, gridcolor: colour("grid"), linecolor: colour("line"),
    tickcolor: colour("line"), zeroline: false, showline: true, ticks: "outside", ticklen: 4, automargin: true, ...more,
  };
}

/** Ticks at 1, 2 and 5 where a logarithmic axis is long enough for them. */
function metricAxis(metric) {
  const scale = metric.percent ? { tickformat: ".0%", hoverformat: ".2%" } : { tickformat: "~s" };
  const unit = metric.percent ? `${metric.label} (%)` : metric.label;
  return axis(unit, metric.log ? { type: "log", ...(isLong(metric.values) ? { dtick: "D2" } : { nticks: 6 }), minor: { showgrid: false }, tickformat: "~s" } : scale);
}

function isLong(values) {
  const positive = values.filter((value) => value > 0);
  return positive.reduce((a, b) => Math.max(a, b), -Infinity) > 8 * positive.reduce((a, b) => Math.min(a, b), Infinity);
}

/** Whether the page is read by finger: dragging then moves the page, not the charts. */
const touched = () => matchMedia("(pointer: coarse)").matches;

function layout(more) {
  return {
    margin: { l: 56, r: 16, t: 12, b: 48 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("quiet") },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink"), size: 12 }, align: "left" },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } }, hovermode: "closest",
    dragmode: touched() ? false : "zoom", ...more,
  };
}

/** Draws, or says in words why there is nothing to draw. */
function chart(id, reason, traces, arrangement) {
  const target = byId(id);
  target.classList.toggle("empty", reason !== null);
  if (reason !== null) {
    Plotly.purge(target);
    target.replaceChildren(element("p", { text: reason }));
    return;
  }
  if (!target.classList.contains("js-plotly-plot")) target.replaceChildren();
  Plotly.react(target, traces, layout(arrangement), CONFIG);
}

/** How the points of a front are joined: as steps where the axes are its two objectives (accuracy is 1 - error), since
    there is nothing between two members; else not at all, since they are no staircase. */
function joined(run, x, y) {
  const same = y.name === run.quality || (y.name === "val_accuracy" && run.quality === "val_error");
  if (run.objectives.length !== 2 || x.name !== run.cost || !same) return { mode: "markers" };
  return { mode: "lines+markers", line: { shape: run.objectives[1].goal === "max" ? "vh" : "hv", width: 2 } };
}

function pointText(run, row, metrics) {
  const more = run.alike.get(row)?.length ? ` +${run.alike.get(row).length} equal` : "";
  const head = `<b>#${run.id(row)}</b>${more} ${plain(shortened(run.operator(row)))}, generation ${run.evaluations.generation[row]}`;
  return [head, ...metrics.map((metric) => `${plain(metric.short)}: ${metricText(metric, metric.values[row])}`)].join("<br>");
}

function drawFront(run, x, y) {
  const drawable = (row) => x.values[row] !== null && y.values[row] !== null && !(x.log && x.values[row] <= 0) && !(y.log && y.values[row] <= 0);
  const rows = run.evaluations.id.map((_, row) => row).filter((row) => !run.evaluations.failed[row] && drawable(row));
  const front = run.front.filter(drawable);
  const line = joined(run, x, y);
  const shown = x.name === y.name ? [x] : [y, x];
  const traces = [{
    name: `${numberText(rows.length)} evaluations`, type: "scatter", mode: "markers", x: rows.map((row) => x.values[row]),
    y: rows.map((row) => y.values[row]), customdata: rows, text: rows.map((row) => pointText(run, row, shown)),
    hovertemplate: "%{text}<extra></extra>", marker: { size: 5, color: colour("faint"), opacity: Math.min(0.6, Math.max(0.18, 12 / Math.sqrt(rows.length))) },
  }];
  run.others.forEach((other, i) => {
    const columns = new Map(other.values);
    if (!columns.has(x.name) || !columns.has(y.name)) return;
    traces.push({
      name: `${plain(shortened(other.name))} (${other.ids.length})`, type: "scatter", ...line,
      line: { ...line.line, color: seriesColour(i), dash: "dash" }, marker: { size: 5, color: seriesColour(i), symbol: "diamond" },
      x: columns.get(x.name), y: columns.get(y.name), text: other.ids.map((id) => `<b>#${id}</b> of ${plain(shortened(other.name))}`),
      hovertemplate: "%{text}<br>%{y}, %{x}<extra></extra>",
    });
  });
  traces.push({
    name: `front (${front.length})`, type: "scatter", ...line, line: { ...line.line, color: colour("bold") },
    marker: { size: 8, color: colour("bold"), line: { width: 1, color: colour("card") } }, x: front.map((row) => x.values[row]),
    y: front.map((row) => y.values[row]), customdata: front, text: front.map((row) => pointText(run, row, shown)),
    hovertemplate: "%{text}<extra></extra>",
  });
  const reason = rows.length ? null : "No evaluation has succeeded yet that has these two metrics.";
  chart("front-chart", reason, traces, {
    xaxis: { ...metricAxis(x) }, yaxis: { ...metricAxis(y), ...frame(y, front.map((row) => y.values[row]), run.others.flatMap((o) => new Map(o.values).get(y.name) ?? [])) },
    uirevision: `${x.name} ${y.name}`, margin: { l: 60, r: 16, t: 12, b: 52 },
  });
  return reason === null;
}

/** Leaves out the hopeless evaluations that would squeeze the fronts into a corner. */
function frame(metric, front, others) {
  const values = [...front, ...others].filter((value) => value !== null);
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (metric.log || !(high > low)) return {};
  return { range: [low - 0.12 * (high - low), high + 0.12 * (high - low)] };
}

/** A ring around the chosen point: a shape, since moving one does not redraw thousands of points. */
function markChosen(x, y, row) {
  const drawable = (metric) => row !== null && metric.values[row] !== null && !(metric.log && metric.values[row] <= 0);
  const ring = () => ({
    type: "path", xsizemode: "pixel", ysizemode: "pixel", xanchor: x.values[row], yanchor: y.values[row], path: circlePath(9),
    line: { color: colour("accent"), width: 2.5 },
  });
  Plotly.relayout(byId("front-chart"), { shapes: drawable(x) && drawable(y) ? [ring()] : [] });
}

/** Four Bezier curves, since plotly's own circles lose their left half on a logarithmic axis. */
function circlePath(r) {
  const k = 0.5523 * r;
  return `M${r},0C${r},${k},${k},${r},0,${r}C${-k},${r},${-r},${k},${-r},0C${-r},${-k},${-k},${-r},0,${-r}C${k},${-r},${r},${-k},${r},0Z`;
}

/** The unit in which a span of time is read, and how many seconds it has. */
function timeUnit(seconds) {
  if (seconds > 3 * 3600) return ["hours", 3600];
  return seconds > 300 ? ["minutes", 60] : ["seconds", 1];
}

function drawVolume(run) {
  const { curves, reference, logarithmic } = run.hypervolume;
  const last = Math.max(0, ...curves.flatMap((curve) => curve.elapsed));
  const [unit, size] = timeUnit(last);
  const traces = curves.map((curve, i) => ({
    name: plain(shortened(curve.name)), type: "scatter", mode: "lines", x: curve.elapsed.map((s) => s / size), y: curve.value,
    line: { shape: "hv", width: i ? 1.6 : 2.4, color: i ? seriesColour(i - 1) : colour("bold"), dash: i ? "dash" : "solid" },
    hovertemplate: "%{y:.4f} after %{x:.3s}<extra></extra>",
  }));
  const empty = curves[0].value.length < 3;
  const values = curves.flatMap((curve) => curve.value.slice(Math.floor(curve.value.length / 8))); // what the first founders reached is no news
  const low = Math.min(...values);
  const high = Math.max(...values);
  const range = [Math.max(0, low - 0.08 * (high - low)), high + 0.08 * (high - low)];
  chart("volume-chart", empty ? "Too few evaluations to show how it grows." : null, traces, {
    xaxis: axis(`time (${unit})`, { rangemode: "tozero" }), yaxis: axis("hypervolume", high > low ? { range } : {}), showlegend: curves.length > 1,
  });
  const point = reference.map(({ metric, value }) => `${run.metricOf.get(metric).short} ${metricText(run.metricOf.get(metric), value)}`).join(", ");
  const logs = logarithmic.length ? `; ${logarithmic.map((name) => run.metricOf.get(name).short).join(", ")} as log10` : "";
  byId("volume-note").textContent = empty ? "" : `What the front dominates, up to ${point}${logs}. More is better.`;
}

/** Two quantities over the same span, one chart above the other. */
function stacked(id, reason, x, upper, lower) {
  const below = lower.some(({ y }) => y.length);
  const traces = [...upper.map((trace) => ({ yaxis: "y", ...trace })), ...(below ? lower.map((trace) => ({ yaxis: "y2", ...trace })) : [])];
  const lines = traces.map(({ tint, ...trace }) => ({
    type: "scatter", x: x.values, mode: x.values.length < 3 ? "lines+markers" : "lines", hovertemplate: "%{y:.4~s}<extra></extra>", ...trace,
    line: { color: tint, width: 2, ...trace.line },
  }));
  chart(id, reason, reason ? [] : lines, {
    xaxis: axis(x.title, { range: x.range, anchor: below ? "y2" : "y" }), showlegend: false,
    margin: { l: 60, r: 16, t: 12, b: 48 },
    yaxis: axis(upper[0].title, { rangemode: "tozero", domain: below ? [0.56, 1] : [0, 1], tickformat: "~s", nticks: 4 }),
    ...(below ? { yaxis2: axis(lower[0].title, { rangemode: "tozero", domain: [0, 0.44], tickformat: "~s", nticks: 4 }) } : {}),
  });
}

function drawThroughput(run) {
  const { elapsed, evaluations, updates } = run.throughput;
  const [unit, size] = timeUnit(run.run.elapsed);
  const x = { values: elapsed.map((s) => s / size), title: `time (${unit})`, range: [0, run.run.elapsed / size] };
  stacked(
    "throughput-chart", elapsed.length ? null : "No evaluation has ended yet.", x,
    [{ title: "evaluations / min", y: evaluations, tint: colour("accent") }],
    [{ title: "edge-updates / s", y: updates, tint: colour("bold") }],
  );
  byId("throughput-note").textContent = updates.length ? "An edge-update is one connected edge times one training sample seen." : "";
}

function drawCredit(run) {
  const credit = run.credit;
  let reason = null;
  if (credit === null) reason = "This search has no operators: it draws every network anew.";
  else if (credit.batch.length < 2) reason = "Credit needs at least two generations after the founders.";
  const traces = reason ? [] : credit.operators.map((name, i) => ({
    name: plain(shortened(name, 20)), type: "scatter", mode: "lines", x: credit.batch, y: credit.shares[i],
    line: { color: seriesColour(i), dash: dash(i), width: 2 }, hovertemplate: `${plain(shortened(name, 20)).replaceAll("%", "&#37;")}: %{y:.1%}<extra></extra>`,
  }));
  chart("credit-chart", reason, traces, {
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", entrywidthmode: "fraction", entrywidth: innerWidth < 500 ? 0.46 : 0.32 },
    xaxis: axis("batch after the founders"), yaxis: axis(run.adaptive_operators ? "share of draws (%)" : "share by credit (%)", { tickformat: ".0%", rangemode: "tozero" }),
  });
  const used = run.adaptive_operators ? "The search draws its operators by these shares." : "The search drew by fixed weights (adaptive_operators was off): these are the shares that credit would have given.";
  byId("credit-note").textContent = reason ? "" : `Credit is hypervolume gained for compute spent. ${used}`;
}

function drawPopulation(run) {
  const population = run.population;
  let reason = null;
  if (population === null) reason = "This search keeps no population: nothing is bred.";
  else if (population.generation.length < 2) reason = "A population has an age after the first generation.";
  const { generation, oldest, median, lines } = population ?? { generation: [], oldest: [], median: [], lines: [] };
  stacked(
    "population-chart", reason, { values: generation, title: "generation", range: [0, generation.at(-1)] },
    [
      { title: "age (generations)", y: oldest, tint: colour("faint"), line: { dash: "dot" }, hovertemplate: "oldest: %{y}<extra></extra>" },
      { y: median, tint: colour("accent"), hovertemplate: "median: %{y}<extra></extra>" },
    ],
    [{ title: "founders’ lines", y: lines, tint: colour("bold"), line: { shape: "hv" }, hovertemplate: "%{y} lines<extra></extra>" }],
  );
  byId("population-note").textContent = reason ? ""
    : "Above the median age and, dotted, the oldest member’s. Below the founders that have living descendants: the fewer, the less diverse.";
}
