"use strict";
// Small drawing helpers. Text from the logs enters the page as text nodes alone.

// From Okabe and Ito's colours, which colour-blind readers can tell apart; then again with dashes.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
const colourOf = (s) => COLOURS[s % COLOURS.length];
const dashOf = (s) => DASHES[Math.floor(s / COLOURS.length) % DASHES.length];

function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}

/** A table; cells are texts, nodes, or [text, attributes]. The first cell of a row is its header. */
function table(header, rows, attributes = {}) {
  const cell = (tag, content, extra = {}) => Array.isArray(content)
    ? element(tag, { ...extra, ...content[1] }, content[0]) : element(tag, extra, content);
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": attributes.label },
    element("table", attributes,
      element("thead", {}, element("tr", {}, header.map((c) => cell("th", c, { scope: "col" })))),
      element("tbody", {}, rows.map((row) => element("tr", {},
        row.map((c, k) => cell(k ? "td" : "th", c, k ? {} : { scope: "row" })))))));
}

/** Seconds as people read them. */
function duration(seconds) {
  if (seconds < 100) return `${Number(seconds.toPrecision(3))} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(seconds < 600 ? 1 : 0)} min`;
  return `${(seconds / 3600).toFixed(seconds < 36000 ? 2 : 1)} h`;
}

const number = (x, digits = 3) => (x === null || Number.isNaN(x) ? "" : x.toFixed(digits));

/** Round numbers from low to high. */
function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= raw);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step - first + 1e-9) + 1 },
    (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/** An empty chart with axes: {svg, plot, x, y, width, height}; x and y turn data into pixels. */
function chart(width, height, xRange, yRange, xLabel, yLabel, formats = {}) {
  const margin = { left: 64, right: 12, top: 10, bottom: 42 };
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const x = (v) => margin.left + (v - xRange[0]) / (xRange[1] - xRange[0] || 1) * inner.width;
  const y = (v) => margin.top + inner.height - (v - yRange[0]) / (yRange[1] - yRange[0] || 1) * inner.height;
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${yLabel} against ${xLabel}` });
  const format = (axis, v) => (formats[axis] ? formats[axis](v) : String(v));
  for (const v of ticks(...xRange, Math.max(2, Math.floor(inner.width / 90))))
    svg.append(shape("line", { class: "grid", x1: x(v), x2: x(v), y1: margin.top, y2: margin.top + inner.height }),
      shape("text", { x: x(v), y: height - 24, "text-anchor": "middle" }, format("x", v)));
  for (const v of ticks(...yRange))
    svg.append(shape("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(v), y2: y(v) }),
      shape("text", { x: margin.left - 6, y: y(v) + 4, "text-anchor": "end" }, format("y", v)));
  svg.append(
    shape("text", { x: margin.left + inner.width / 2, y: height - 6, "text-anchor": "middle" }, xLabel),
    shape("text", { transform: `translate(12 ${margin.top + inner.height / 2}) rotate(-90)`,
      "text-anchor": "middle" }, yLabel));
  const clip = `clip${chart.count = (chart.count ?? 0) + 1}`;
  const plot = shape("g", { "clip-path": `url(#${clip})` });
  svg.append(shape("clipPath", { id: clip }, shape("rect",
    { x: margin.left, y: margin.top - 2, width: inner.width, height: inner.height + 4 })), plot);
  return { svg, plot, x, y, width, height, margin, inner };
}

/** Calls back with the data point under the mouse or finger, and with null when the mouse leaves: what a finger has
    read stays when it is lifted. */
function onPoint(c, xRange, yRange, callback) {
  const find = (event) => {
    const box = c.svg.getBoundingClientRect();
    const px = (event.clientX - box.left) * c.width / box.width;
    const py = (event.clientY - box.top) * c.height / box.height;
    callback({
      x: xRange[0] + (px - c.margin.left) / c.inner.width * (xRange[1] - xRange[0]),
      y: yRange[1] - (py - c.margin.top) / c.inner.height * (yRange[1] - yRange[0]),
      px, py,
    });
  };
  c.svg.addEventListener("pointermove", find);
  c.svg.addEventListener("pointerdown", find);
  c.svg.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") callback(null); });
}
