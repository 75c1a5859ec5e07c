// The page: what is chosen, and what happens when something is.

const page = { run: null, row: null, table: null, x: null, y: null, chosen: false, seen: true };

function choose(row) {
  if (row === null || row === undefined) return;
  page.chosen = true;
  mark(row);
  const fragment = `#${page.run.id(row)}`;
  if (location.hash !== fragment) location.replace(fragment); // a link to what is shown; no step for the button "back"
}

function mark(row) {
  page.row = row;
  showDetails(page.run, row, choose);
  page.table.mark(page.run.id(page.run.stands.get(row) ?? row));
  markFront();
  peek();
}

function peek() { showPeek(page.run, page.row, page.seen || !page.chosen); }

/** The individual that the address names, or null. */
function linked() {
  const found = /^#(\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : null;
}

function follow() {
  const id = linked();
  showNotice(page.run);
  if (id !== null && page.run.rowOf.has(id) && (page.row === null || page.run.id(page.row) !== id)) choose(page.run.rowOf.get(id));
}

/** Brings the network into sight. */
function openNetwork() {
  byId("network-title").scrollIntoView({ block: "start" });
  byId("network-title").focus({ preventScroll: true });
}

/** Arrows move along the front, in the table also up and down; Enter opens what is chosen. */
function pressed(event) {
  const { key, target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (target.closest("input, select, textarea, #lineage") || (key === "Enter" && target.closest("button, a"))) return;
  const tr = target.closest("#members tbody tr");
  const step = { ArrowLeft: -1, ArrowRight: 1, ...(tr ? { ArrowUp: -1, ArrowDown: 1 } : {}) }[key];
  if (step) {
    const below = tr && key !== "ArrowLeft" && key !== "ArrowRight";
    const row = below ? page.run.rowOf.get(page.table.beside(Number(tr.dataset.id), step)) : page.run.along(page.row, step);
    choose(row);
    if (tr && row !== null && row !== undefined) page.table.focus(page.run.id(row));
  } else if (key === "Enter" && page.row !== null) {
    if (tr) choose(page.run.rowOf.get(Number(tr.dataset.id)));
    openNetwork();
  } else return;
  event.preventDefault();
}

function markFront() {
  if (byId("front-chart").classList.contains("js-plotly-plot")) markChosen(page.run.metricOf.get(page.x), page.run.metricOf.get(page.y), page.row);
}

function drawCharts() {
  const { run } = page;
  if (drawFront(run, run.metricOf.get(page.x), run.metricOf.get(page.y))) {
    const target = byId("front-chart");
    target.removeAllListeners("plotly_click");
    target.on("plotly_click", ({ points }) => {
      if (points[0].customdata !== undefined) choose(points[0].customdata);
    });
    markFront();
  }
  drawVolume(run);
  drawThroughput(run);
  drawCredit(run);
  drawPopulation(run);
}

function showHead(run) {
  const { name, dataset, space, searcher } = { ...run.run, searcher: new Map(run.run.settings).get("searcher") };
  document.title = `${name} · evonas report`;
  byId("title").textContent = name;
  byId("subtitle").textContent = `${dataset}, ${space} space, ${searcher}${run.run.seeds.length ? `, seeded from ${run.run.seeds.join(", ")}` : ""}; as of ${new Date(1000 * run.run.made).toLocaleString()}`;
  const best = run.best(run.front);
  const volume = run.hypervolume.curves[0].value.at(-1) ?? null;
  definitions(byId("facts"), [
    ["evaluations", numberText(run.evaluations.id.length)], ["generation", run.run.generations < 1e4 ? `${run.run.generation} of ${numberText(run.run.generations)}` : numberText(run.run.generation)],
    ["members of the front", `${numberText(run.front.length)}${run.stands.size ? ` (+${numberText(run.stands.size)} equal)` : ""}`],
    [`best ${run.metricOf.get(run.shownQuality).short}`, best === null ? "–" : run.text(run.shownQuality, best)],
    ["hypervolume", volume === null ? "–" : volume.toFixed(4)], ["time", durationText(run.run.elapsed)],
  ]);
  byId("why").textContent = run.why ?? "";
  byId("why").hidden = !run.why;
  showSettings(run);
  showNotice(run);
}

function showNotice(run) {
  const lost = linked() !== null && !run.rowOf.has(linked()) ? `The address names #${linked()}, and this run has no such individual.` : "";
  const failed = run.run.nFailed ? `${numberText(run.run.nFailed)} evaluations failed, the last with: ${run.run.lastError}` : "";
  const empty = run.evaluations.id.length ? "" : "No evaluation has ended yet: report again in a while, or watch with --watch.";
  const text = [lost, empty || failed].filter(Boolean).join(" ");
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function fillChoices(run) {
  const fill = (id, names, chosen) => {
    byId(id).replaceChildren(...names.map((name) => element("option", { value: name, text: run.metricOf.get(name).short })));
    byId(id).value = names.includes(chosen) ? chosen : names[0] ?? "";
  };
  const names = run.metrics.map(({ name }) => name);
  fill("axis-x", names, page.x);
  fill("axis-y", names, page.y);
  fill("budget-metric", run.costs(), byId("budget-metric").value || run.cost);
  byId("pick-best").textContent = run.quality === "val_error" ? "best accuracy" : `best ${run.metricOf.get(run.quality).short}`;
  byId("pickers").hidden = !run.front.length;
  showBudget();
}

/** The budget that the slider stands for: even steps of the logarithm, over the range of the front. */
function budget() {
  const { run } = page;
  const name = byId("budget-metric").value;
  if (!name) return null;
  const values = run.front.map((row) => run.value(name, row)).filter((value) => value > 0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const share = byId("budget").value / byId("budget").max;
  return { name, bound: share === 1 ? high : low * (high / low) ** share };
}

function showBudget() {
  const chosen = budget();
  byId("budget").disabled = chosen === null;
  byId("budget-value").textContent = chosen === null ? "" : shortText(chosen.bound);
  return chosen;
}

function pickUnderBudget() {
  const chosen = showBudget();
  const row = chosen && page.run.bestUnder(chosen.name, chosen.bound * (1 + 1e-9));
  if (row !== null && row !== undefined) choose(row);
}

/** Shows data, and keeps what the reader has chosen; at first what the address names. */
function show(data) {
  const before = page.row === null ? linked() : page.run.id(page.row);
  const run = new Run(data);
  run.shownQuality = ["val_error", "trainval_error"].includes(run.quality) && run.metricOf.has("val_accuracy") ? "val_accuracy" : run.quality;
  page.run = run;
  page.x = run.metricOf.has(page.x) ? page.x : run.cost;
  page.y = run.metricOf.has(page.y) ? page.y : run.quality;
  showHead(run);
  fillChoices(run);
  const row = run.rowOf.get(before) ?? run.knee ?? (run.evaluations.id.length ? 0 : null);
  page.row = row;
  page.table.show(run, run.stands.get(row) ?? row);
  drawCharts();
  showDetails(run, row, choose);
  peek();
}

function listen() {
  for (const [id, key] of [["axis-x", "x"], ["axis-y", "y"]]) {
    byId(id).addEventListener("change", () => {
      page[key] = byId(id).value;
      drawCharts();
    });
  }
  byId("pick-knee").addEventListener("click", () => choose(page.run.knee));
  byId("pick-best").addEventListener("click", () => choose(page.run.best(page.run.front)));
  byId("budget").addEventListener("input", pickUnderBudget);
  byId("budget-metric").addEventListener("change", pickUnderBudget);
  byId("previous").addEventListener("click", () => choose(page.run.along(page.row, -1)));
  byId("next").addEventListener("click", () => choose(page.run.along(page.row, 1)));
  byId("copy").addEventListener("click", () => copyText(byId("command"), byId("copy")));
  byId("copy-made").addEventListener("click", () => copyText(byId("made"), byId("copy-made")));
  byId("peek").addEventListener("click", openNetwork);
  addEventListener("keydown", pressed);
  addEventListener("hashchange", follow);
  new IntersectionObserver(([entry]) => {
    page.seen = entry.isIntersecting;
    peek();
  }).observe(byId("network-title"));
  const redraw = () => {
    drawCharts();
    showDrawing(page.run, page.row);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) showDrawing(page.run, page.row);
    width = innerWidth;
  });
}

/** Asks the server every other second how far the run is, and for all of it where it went on. */
function watch() {
  const state = byId("live");
  state.hidden = false;
  state.textContent = "watching";
  let version = JSON.stringify(page.run.version);
  const look = async () => {
    try {
      const found = await fetchJson("version.json");
      if (JSON.stringify(found) !== version) {
        show(await fetchJson("data.json"));
        version = JSON.stringify(page.run.version);
      }
      state.textContent = "watching";
    } catch {
      state.textContent = "the server does not answer";
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}

async function fetchJson(address) {
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

page.table = new MemberTable(choose);
show(JSON.parse(byId("data").textContent));
listen();
if (document.documentElement.dataset.live === "yes") watch();
