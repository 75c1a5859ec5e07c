// The chosen network: what it measures, looks like, comes from, and how it leaves.

function definitions(target, pairs) {
  target.replaceChildren(...pairs.map(([name, value]) => element("div", { children: [element("dt", { text: name }), element("dd", { text: value })] })));
}

function showDetails(run, row, choose) {
  const rank = row === null ? -1 : run.rank(row);
  const where = rank < 0 ? "" : row === run.knee ? ", the knee of the front"
    : run.stands.has(row) ? `, equal to #${run.id(run.stands.get(row))} of the front` : ", on the front";
  byId("network-title").textContent = row === null ? "Network" : `Network #${run.id(row)}${where}`;
  byId("previous").disabled = run.along(row, -1) === null;
  byId("next").disabled = run.along(row, 1) === null;
  showChips(run, row);
  showEqual(run, row, choose);
  showDrawing(run, row);
  showLineage(run, row, choose);
  showCommand(run, row);
}

function showChips(run, row) {
  if (row === null) return definitions(byId("chips"), []);
  const names = run.metrics.map((metric) => metric.name).filter((name) => run.value(name, row) !== null);
  const origin = [["operator", run.operator(row)], ["generation", numberText(run.evaluations.generation[row])], ["epochs", numberText(run.evaluations.budget[row])]];
  return definitions(byId("chips"), [...names.map((name) => [run.metricOf.get(name).short, run.text(name, row)]), ...origin]);
}

/** Networks of the same point, of which the front shows this one only; the first few as buttons. */
function showEqual(run, row, choose) {
  const ids = run.alike.get(row) ?? [];
  const few = ids.slice(0, 12);
  const buttons = few.map((id) => {
    const button = element("button", { type: "button", text: `#${id}` });
    button.addEventListener("click", () => choose(run.rowOf.get(id)));
    return button;
  });
  const more = ids.length > few.length ? ` and ${numberText(ids.length - few.length)} more` : "";
  byId("equal").hidden = !ids.length;
  byId("equal").replaceChildren(`+${ids.length} equal in all objectives: `, ...buttons, more);
}

/** What a reader on a small screen would miss: that something was chosen, while the network is out of sight. */
function showPeek(run, row, seen) {
  const peek = byId("peek");
  peek.hidden = seen || row === null;
  if (peek.hidden) return;
  const failed = run.evaluations.failed[row];
  const facts = failed ? ["failed"] : run.objectives.map(({ metric }) => `${run.metricOf.get(metric).short} ${run.text(metric, row)}`);
  byId("peek-text").textContent = [`#${run.id(row)}`, ...facts].join(" · ");
}

function showDrawing(run, row) {
  const drawing = row === null ? undefined : run.drawing(row);
  const canvas = byId("drawing");
  canvas.hidden = byId("drawing-key").hidden = !drawing;
  byId("use-figure").hidden = !drawing?.inputUse;
  byId("density-figure").hidden = !drawing || drawing.edgeLabels.length > 0;
  if (!drawing) {
    canvas.onpointermove = canvas.onpointerleave = null;
    byId("drawing-note").textContent = row === null ? "No network has been evaluated yet." : absentDrawing(run, row);
    return;
  }
  let at = drawNetwork(canvas, drawing, null);
  let focus = null;
  canvas.onpointermove = (event) => {
    const found = nearest(at, event.offsetX, event.offsetY);
    if (found !== focus) at = drawNetwork(canvas, drawing, (focus = found));
  };
  canvas.onpointerleave = () => { at = drawNetwork(canvas, drawing, (focus = null)); };
  byId("drawing-note").textContent = drawingNote(drawing);
  showKey(drawing);
  if (drawing.inputUse) byId("use-note").textContent = drawInputUse(byId("use"), drawing.inputUse);
  showDensity(drawing);
}

function absentDrawing(run, row) {
  if (!Object.keys(run.drawings).length) return "This search space does not draw its networks.";
  const why = run.frontRows.has(row) ? "The front is too large to draw all of its members here" : "Only members of the front are drawn here";
  return `${why}: ${run.commands.show} ${run.id(row)} shows this one.`;
}

function drawingNote(drawing) {
  const drawn = drawing.order.length;
  const all = numberText(drawing.nEdges);
  if (drawing.shared) {
    const some = drawn < drawing.nEdges ? `; ${numberText(drawn)} are drawn, those into some of the neurons` : "";
    return `${numberText(drawing.nWeights)} weights, ${all} edges: those of a colour share a weight${some}. Point at a node to see its edges alone.`;
  }
  const thin = drawn < drawing.nEdges ? `${numberText(drawn)} of ${all} edges are drawn, the strongest of every pair of layers` : `All ${all} edges are drawn`;
  const tints = drawing.strengths ? "; orange weights are positive, blue negative" : "";
  return `${thin}${tints}. Point at a node to see its edges alone.`;
}

/** Shares of possible edges by pairs of layers; only the rows and columns that have any. */
function showDensity(drawing) {
  const { pairs, sizes, layers } = drawing;
  const share = (i, j) => pairs[i][j] / (sizes[i] * sizes[j]);
  const sources = layers.map((_, i) => i).filter((i) => pairs[i].some(Boolean));
  const targets = layers.map((_, j) => j).filter((j) => pairs.some((row) => row[j]));
  const cell = (i, j) => {
    const td = element("td", { text: pairs[i][j] ? percentText(share(i, j)) : "", title: `${numberText(pairs[i][j])} edges` });
    if (pairs[i][j]) td.style.background = translucent(colour("heat"), (0.06 + 0.44 * Math.min(1, share(i, j) * 2)).toFixed(3));
    return td;
  };
  const heading = (text, scope) => element("th", { text, scope });
  byId("density").replaceChildren(
    element("tr", { children: [element("td"), ...targets.map((j) => heading(layers[j], "col"))] }),
    ...sources.map((i) => element("tr", { children: [heading(layers[i], "row"), ...targets.map((j) => cell(i, j))] })),
  );
}

function percentText(share) {
  if (share < 0.001) return "< 0.1 %";
  return `${share >= 0.0995 ? (100 * share).toFixed(0) : Number((100 * share).toPrecision(2))} %`;
}

/** What the run was told, and the command that tells it again; with the file that it reads, where options cannot say all. */
function showSettings(run) {
  const { made, file } = run.commands;
  byId("made").textContent = made;
  byId("made-command").hidden = !made;
  byId("file").textContent = file;
  byId("made-file").hidden = !file;
  definitions(byId("settings"), run.run.settings);
}

function showLineage(run, row, choose) {
  const strip = byId("lineage");
  const line = row === null ? [] : run.lineage(row);
  strip.replaceChildren(...line.map((ancestor) => element("li", { children: [ancestorCard(run, ancestor, row, choose)] })));
  strip.scrollLeft = strip.scrollWidth;
}

function ancestorCard(run, ancestor, current, choose) {
  const known = ancestor.row !== null;
  const second = ancestor.parents.length > 1 ? ` × #${ancestor.parents[1]}` : "";
  const lines = !known ? ["not evaluated yet"] : run.evaluations.failed[ancestor.row] ? ["failed"]
    : run.objectives.map(({ metric }) => `${run.metricOf.get(metric).short} ${run.text(metric, ancestor.row)}`);
  const card = element("button", {
    type: "button", class: ancestor.row === current ? "ancestor current" : "ancestor", children: [
      element("b", { text: known ? run.operator(ancestor.row) : "?", title: known ? run.operator(ancestor.row) : "" }),
      element("span", { text: `#${ancestor.id}${second}${known ? `, gen. ${run.evaluations.generation[ancestor.row]}` : ""}` }),
      ...lines.map((text) => element("span", { text })),
    ],
  });
  card.disabled = !known;
  card.addEventListener("click", () => choose(ancestor.row));
  return card;
}

function showCommand(run, row) {
  const format = byId("format");
  const { formats } = run.commands;
  if (format.options.length !== formats.length) format.replaceChildren(...formats.map(({ name }, i) => element("option", { text: name, value: i })));
  const write = () => {
    const { options, suffix } = formats[format.value];
    byId("command").textContent = `${run.commands.export} ${run.id(row)} ${options} --out network-${run.id(row)}.${suffix}`;
  };
  byId("copy").disabled = format.disabled = row === null || run.evaluations.failed[row];
  format.onchange = write;
  byId("command").textContent = "";
  if (!format.disabled) write();
}

/** The clipboard where the browser gives it to a page; from a file, by selecting. */
async function copyText(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = "copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}
