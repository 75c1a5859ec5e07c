// A network on a canvas: captions above, edges in the order of their strength, nodes above them.

const CAPTION = 26;
const MARGIN = 16;

/** The arrays of a drawing, decoded once. */
function unpack(drawing) {
  if (drawing.nodes) return drawing;
  const places = decode(drawing.positions, Uint16Array);
  const edges = decode(drawing.edges, drawing.wide ? Uint32Array : Uint16Array);
  const weights = drawing.weights ? decode(drawing.weights, Int8Array) : null;
  const order = Uint32Array.from({ length: edges.length / 2 }, (_, i) => i);
  if (weights) order.sort((a, b) => Math.abs(weights[a]) - Math.abs(weights[b]));
  drawing.nodes = {
    x: Float32Array.from({ length: places.length / 2 }, (_, i) => (places[2 * i] / 65535) * drawing.width),
    y: Float32Array.from({ length: places.length / 2 }, (_, i) => places[2 * i + 1] / 65535),
    layer: decode(drawing.layer, Uint8Array), kind: decode(drawing.kind, Uint8Array),
  };
  const names = [...new Set(drawing.edgeLabels)]; // a graph of operations: edges are coloured by what they do
  const shared = drawing.ties ? decode(drawing.ties, Int16Array) : null; // numbers of weights, -1 for edges that share none
  return Object.assign(drawing, { links: edges, strengths: weights, order, names, shared });
}

/** A hexadecimal colour with an opacity. */
function translucent(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

/** A canvas as sharp as the screen; returns what draws on it, in CSS pixels. */
function sharpCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return pen;
}

/** Where nodes stand in pixels. A drawing fills the width; it keeps its proportions as far as the height allows. */
function place(drawing, width) {
  const labels = drawing.names.length ? [] : Object.values(drawing.labels); // of outputs, on the right
  const longest = Math.max(0, ...labels.map((text) => shortened(text, 18).length));
  const inner = width - 2 * MARGIN - Math.max(14, 6.5 * longest);
  const height = Math.min(400, Math.max(230, inner / Math.max(drawing.width, 0.2)));
  const wide = Math.min(inner, height * drawing.width * 1.6);
  const top = CAPTION + (drawing.names.length ? 14 : 0); // labels stand above the nodes
  const left = MARGIN + (inner - wide) / 2;
  return {
    height: top + height + MARGIN,
    x: drawing.nodes.x.map((x) => left + (x / drawing.width) * wide),
    y: drawing.nodes.y.map((y) => top + y * height),
  };
}

/** Draws; `focus` is a node whose edges alone are shown, or null. */
function drawNetwork(canvas, drawing, focus) {
  unpack(drawing);
  const at = place(drawing, canvas.clientWidth);
  const pen = sharpCanvas(canvas, canvas.clientWidth, at.height);
  if (!drawing.names.length) drawInputs(pen, drawing, at, focus);
  drawEdges(pen, drawing, at, focus);
  drawNodes(pen, drawing, at, focus);
  drawCaptions(pen, drawing, at, canvas.clientWidth);
  return at;
}

function drawEdges(pen, drawing, at, focus) {
  const { links, order } = drawing;
  const style = drawing.names.length ? operationStyle(drawing) : drawing.shared ? sharedStyle(drawing, focus) : weightStyle(drawing, focus);
  pen.lineCap = "round";
  for (const edge of order) {
    const [source, target] = [links[2 * edge], links[2 * edge + 1]];
    if (focus !== null && source !== focus && target !== focus) continue;
    style(pen, edge);
    const bend = 0.4 * (at.x[target] - at.x[source]);
    pen.beginPath();
    pen.moveTo(at.x[source], at.y[source]);
    pen.bezierCurveTo(at.x[source] + bend, at.y[source], at.x[target] - bend, at.y[target], at.x[target], at.y[target]);
    pen.stroke();
  }
  pen.setLineDash([]);
}

/** One colour for positive, one for negative weights, the stronger the darker; where there are many, each fainter. */
function weightStyle({ strengths, order }, focus) {
  const [positive, negative, neutral] = [colour("positive"), colour("negative"), colour("node")];
  const density = Math.min(1, 1.3 / Math.sqrt(Math.max(order.length, 1) / 150));
  return (pen, edge) => {
    const share = strengths ? Math.abs(strengths[edge]) / 127 : 0.6;
    const alpha = focus === null ? density * (0.12 + 0.88 * share) : 0.3 + 0.7 * share;
    pen.strokeStyle = translucent(strengths ? (strengths[edge] < 0 ? negative : positive) : neutral, alpha.toFixed(3));
    pen.lineWidth = 0.5 + (focus === null ? 1.4 : 2) * share;
  };
}

/** A colour for each weight that edges share, as far as they go; edges that share none are grey. */
function sharedStyle({ strengths, shared, order }, focus) {
  const [tints, neutral] = [series(), colour("node")];
  const density = Math.min(1, 2 / Math.sqrt(Math.max(order.length, 1) / 150));
  return (pen, edge) => {
    const share = strengths ? Math.abs(strengths[edge]) / 127 : 0.6;
    const alpha = focus === null ? density * (0.35 + 0.65 * share) : 0.4 + 0.6 * share;
    pen.strokeStyle = translucent(shared[edge] < 0 ? neutral : tints[shared[edge] % tints.length], alpha.toFixed(3));
    pen.lineWidth = 0.5 + (focus === null ? 1 : 2) * share;
  };
}

/** A colour for each operation; dashes help where there are many. */
function operationStyle({ names, edgeLabels }) {
  const tints = names.map((_, i) => seriesColour(i));
  return (pen, edge) => {
    const i = names.indexOf(edgeLabels[edge]);
    pen.strokeStyle = tints[i];
    pen.lineWidth = 2;
    pen.setLineDash(isDashed(i) ? [7, 5] : []);
  };
}

const isDashed = (i) => i % 2 === 1;

/** What the colours of operations mean. */
function showKey({ names }) {
  byId("drawing-key").replaceChildren(...names.map((name, i) => {
    const line = element("i");
    line.style.borderTopColor = seriesColour(i);
    line.style.borderTopStyle = isDashed(i) ? "dashed" : "solid";
    return element("li", { children: [line, element("span", { text: shortened(name, 40) })] });
  }));
}

/** Inputs are squares below the edges, darker where more edges of the drawing begin. */
function drawInputs(pen, drawing, at, focus) {
  const { kind } = drawing.nodes;
  const [width, height] = [at.x, at.y].map((places) => Math.max(1.4, 0.84 * smallestStep(places, drawing)));
  const readers = new Uint32Array(kind.length);
  for (let i = 0; i < drawing.links.length; i += 2) readers[drawing.links[i]] += 1;
  const most = Math.max(1, readers.reduce((a, b) => Math.max(a, b), 0));
  kind.forEach((sort, i) => {
    if (drawing.kinds[sort] !== "input") return;
    pen.fillStyle = i === focus ? colour("bold") : translucent(colour("node"), 0.1 + 0.5 * (readers[i] / most));
    pen.fillRect(at.x[i] - width / 2, at.y[i] - height / 2, width, height);
  });
}

function drawNodes(pen, drawing, at, focus) {
  const { layer, kind } = drawing.nodes;
  const graph = drawing.names.length > 0;
  for (let i = 0; i < layer.length; i++) {
    const sort = drawing.kinds[kind[i]];
    if (sort === "input" && !graph) continue;
    const radius = graph ? 10 : sort === "output" ? 4.5 : Math.min(3.4, 1.5 + 18 / Math.sqrt(layer.length)) * (drawing.shared ? 0.65 : 1); // channels are small planes
    pen.fillStyle = colour(i === focus ? "bold" : "node");
    pen.beginPath();
    pen.arc(at.x[i], at.y[i], i === focus && !graph ? radius + 2 : radius, 0, 2 * Math.PI);
    pen.fill();
  }
  for (const [i, text] of Object.entries(drawing.labels)) drawLabel(pen, shortened(text, 18), at.x[i], at.y[i], graph);
}

/** Beside a node; in a graph of operations inside of it, or above where it is too long. */
function drawLabel(pen, text, x, y, graph) {
  const inside = graph && text.length < 3;
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = graph ? "center" : "left";
  pen.textBaseline = "middle";
  if (graph && !inside) {
    pen.lineWidth = 4;
    pen.strokeStyle = colour("card");
    pen.strokeText(text, x, y - 18);
  }
  pen.fillStyle = colour(inside ? "card" : "quiet");
  pen.fillText(text, graph ? x : x + 8, graph && !inside ? y - 18 : y);
}

/** The distance between the rows, or columns, of the inputs: pixels touch, but do not overlap. */
function smallestStep(places, drawing) {
  const taken = [...new Set(places.filter((_, i) => drawing.kinds[drawing.nodes.kind[i]] === "input"))].sort((a, b) => a - b);
  return taken.slice(1).reduce((least, place, i) => Math.min(least, place - taken[i]), 12);
}

/** Above the middle of each layer its name and size; where there is no room for all, every other one. */
function drawCaptions(pen, drawing, at, width) {
  const { layer } = drawing.nodes;
  const sums = drawing.layers.map(() => [0, 0]);
  layer.forEach((l, i) => { sums[l][0] += at.x[i]; sums[l][1] += 1; });
  pen.fillStyle = colour("quiet");
  pen.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  const taken = []; // left and right ends; inputs and outputs come before the layers between them
  const ends = [0, drawing.layers.length - 1];
  const between = drawing.layers.map((_, l) => l).slice(1, -1);
  for (const l of new Set([...ends, ...between])) {
    const name = drawing.layers[l];
    const whole = drawing.layers.length > 7 || drawing.sizes[l] === 1 ? name : `${name} · ${numberText(drawing.sizes[l])}`;
    for (const caption of new Set([whole, name])) { // without the size where there is no room for it
      const half = pen.measureText(caption).width / 2;
      const x = Math.min(Math.max(sums[l][0] / Math.max(sums[l][1], 1), half + 2), width - half - 2);
      if (taken.some(([left, right]) => x - half < right + 6 && x + half > left - 6)) continue;
      pen.fillText(caption, x, 14);
      taken.push([x - half, x + half]);
      break;
    }
  }
}

/** The node under the pointer, null if there is none near. */
function nearest(at, x, y) {
  let [best, distance] = [null, 12 ** 2];
  for (let i = 0; i < at.x.length; i++) {
    const d = (at.x[i] - x) ** 2 + (at.y[i] - y) ** 2;
    if (d < distance) [best, distance] = [i, d];
  }
  return best;
}

/** How many edges read each input, as an image in shades of one colour. */
function drawInputUse(canvas, use) {
  const [height, width] = use.shape;
  const values = decode(use.values, Float32Array);
  const most = Math.max(1, values.reduce((a, b) => Math.max(a, b), 0));
  canvas.width = width;
  canvas.height = height;
  const size = Math.max(1, Math.min(22, Math.floor(224 / Math.max(width, height))));
  canvas.style.width = `${width * size}px`;
  canvas.style.height = `${Math.max(height * size, height === 1 ? 28 : 0)}px`;
  const pen = canvas.getContext("2d");
  values.forEach((value, i) => {
    pen.fillStyle = translucent(colour("heat"), value ? 0.12 + 0.88 * (value / most) : 0);
    pen.fillRect(i % width, Math.floor(i / width), 1, 1);
  });
  const unused = values.filter((value) => value === 0).length;
  return `up to ${numberText(most)} edge${most === 1 ? "" : "s"} an input; ${numberText(unused)} of ${numberText(values.length)} places unread`;
}
