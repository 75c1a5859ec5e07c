"use strict";

// Numbers as text, and the few DOM moves that everything shares. Text of a run only ever becomes textContent.

const byId = (id) => document.getElementById(id);

/** An element with text (never markup), attributes and children. */
function element(tag, { text = null, children = [], ...attributes } = {}) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** 12 345, 0.1234, 11G: groups of three for whole numbers, four significant digits for others. */
function numberText(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en").replaceAll(",", "\u2009");
  if (Math.abs(value) >= 1e5) return shortText(value);
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(2);
  return Number(value.toPrecision(4)).toString();
}

/** 12.3k, 4.1M: for short readings of costs. */
function shortText(value) {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))}${unit}`;
  }
  return `${Number(value.toPrecision(3))}`;
}

/** A metric's value as a person reads it: shares in percent. */
function metricText(metric, value) {
  if (value === null || value === undefined) return "–";
  return metric.percent ? `${(100 * value).toFixed(2)} %` : numberText(value);
}

/** 59 s, 4 min 10 s, 3 h 20 min. */
function durationText(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** The plotting library reads its texts as markup: these are shown as they are. */
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Shortened in the middle, for places that cannot grow. */
function shortened(text, length = 28) {
  const half = Math.floor((length - 1) / 2);
  return text.length <= length ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function decode(text, Type) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Type(bytes.buffer);
}
