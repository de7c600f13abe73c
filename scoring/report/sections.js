"use strict";
// One function a section: each returns a node made from DATA. `shown` holds the submissions that are switched on.

function section(id, title, text, ...children) {
  return element("section", { id }, element("h2", {}, title), text ? element("p", {}, text) : null, children);
}

/** Room for a chart that is drawn once the page stands, and again when its width changes. */
function drawing(draw) {
  const place = element("div", { class: "chart" });
  const redraw = () => { if (place.clientWidth) place.replaceChildren(draw(place.clientWidth)); };
  new ResizeObserver(() => requestAnimationFrame(redraw)).observe(place);
  place.redraw = redraw;
  return place;
}

/** Buttons that switch submissions on and off, for all charts at once. */
function legend() {
  const buttons = DATA.order.map((s) => element("button", {
    type: "button", "aria-pressed": String(shown.has(s)),
    onclick: (event) => {
      if (!shown.delete(s)) shown.add(s);
      event.currentTarget.setAttribute("aria-pressed", String(shown.has(s)));
      document.dispatchEvent(new Event("toggled"));
    },
  }, sample(s), DATA.submissions[s]));
  document.addEventListener("toggled", () => buttons.forEach((button, k) =>
    button.setAttribute("aria-pressed", String(shown.has(DATA.order[k])))));
  return element("div", { class: "legend", role: "group", "aria-label": "Submissions shown" }, buttons);
}

function sample(s) {
  return shape("svg", { width: 26, height: 10, "aria-hidden": "true" }, shape("line", {
    x1: 0, x2: 26, y1: 5, y2: 5, stroke: colourOf(s), "stroke-width": 3, "stroke-dasharray": dashOf(s) }));
}

function leaderboardSection() {
  const i = DATA.intervals;
  const percent = Math.round(100 * i.level);
  const cells = { class: "number" };
  const header = ["submission", ["rank", cells], ["score", cells], `${percent} % interval over studies`, "",
    ["ranks", cells], [`${percent} % over workloads`, cells], ["fixed reference", cells],
    ["reached", cells], ["crashed", cells]];
  const rows = DATA.order.map((s) => {
    const [reached, crashed, total] = countsOf(s);
    return [
      DATA.submissions[s], [String(DATA.rank[s]), cells],
      [number(DATA.score[s], 4), { ...cells, "data-score": DATA.score[s] }],
      intervalBar(i.low[s] ?? DATA.score[s], DATA.score[s], i.high[s] ?? DATA.score[s], colourOf(s)),
      i.low[s] === null ? "one study: no interval" : `${number(i.low[s])} to ${number(i.high[s])}`,
      [i.low[s] === null ? "" : `${i.rankLow[s]} to ${i.rankHigh[s]}`, cells],
      [`${number(i.workloadLow[s])} to ${number(i.workloadHigh[s])}`, cells],
      [i.fixed ? number(i.fixed[s]) : "", cells],
      [`${reached} of ${total}`, cells], [String(crashed), cells],
    ];
  });
  return section("leaderboard", "Leaderboard",
    `Score: area under the performance profile between the fastest submission and ${DATA.maxRatio} times its time; 1 is ` +
    `fastest everywhere. Intervals: bootstrap with ${i.resamples} resamples. A crashed trial counts as: ` +
    `${{ miss: "a miss", exclude: "not run", refuse: "an error" }[DATA.onCrash]}. Fixed reference: mean fraction of the ` +
    "budget left at the target, whoever else entered.",
    table(header, rows, { label: "Leaderboard" }),
    DATA.submissions.length > 1 ? beatsTable() : null);
}

function countsOf(s) {
  const counted = [...DATA.base, ...DATA.heldOut.map((pair) => pair[0])];
  let reached = 0, crashed = 0, total = 0;
  for (const w of counted)
    for (const [name, n] of Object.entries(DATA.endings[s][w])) {
      total += n;
      if (name === "target reached") reached += n;
      if (DATA.crashes.includes(name)) crashed += n;
    }
  return [reached, crashed, total];
}

function intervalBar(low, value, high, colour) {
  const width = 150, x = (v) => 4 + v * (width - 8);
  return shape("svg", { width, height: 16, role: "img", "aria-label": `${number(value)} of 1` },
    shape("line", { class: "grid", x1: x(0), x2: x(1), y1: 8, y2: 8 }),
    shape("line", { x1: x(low), x2: x(high), y1: 8, y2: 8, stroke: colour, "stroke-width": 5, opacity: 0.45 }),
    shape("circle", { cx: x(value), cy: 8, r: 4.5, fill: colour }));
}

function beatsTable() {
  const best = DATA.order.slice(0, 20);
  const rows = best.map((a) => [DATA.submissions[a], ...best.map((b) => {
    const p = DATA.intervals.beats[a][b];
    if (a === b || p === null) return "";
    return [number(p, 2), { style: shade(Math.abs(p - 0.5) * 2, p >= 0.5) }];
  })]);
  return element("details", {}, element("summary", {}, "Probability that one beats another, over the resamples"),
    element("p", {}, "Row against column; ties count half." + (best.length < DATA.order.length ? " The best 20." : "")),
    table(["", ...best.map((s) => DATA.submissions[s])], rows, { class: "heat", label: "P(row beats column)" }));
}

/** Background from white to blue (or orange), with ink that can be read on it. */
function shade(amount, blue = true) {
  const mix = (a, b) => Math.round(a + (b - a) * Math.min(1, amount) * 0.8);
  const [r, g, b] = blue ? [0, 114, 178] : [213, 94, 0];
  return `background:rgb(${mix(255, r)},${mix(255, g)},${mix(255, b)});color:${amount > 0.75 ? "#fff" : "#1a1a1a"}`;
}

function profileSection() {
  const rules = defaultRules();
  const { ratio } = rescore(DATA.studySec, rules);
  const top = Math.max(DATA.maxRatio, 1.001);
  const fraction = (s, tau) => ratio[s].filter((r) => r <= tau).length / ratio[s].length;
  const readout = element("div", { class: "readout", "aria-live": "polite" });
  const draw = (width) => {
    const c = chart(width, Math.min(420, Math.max(260, width * 0.5)), [1, top], [0, 1],
      "time / time of the fastest submission", "fraction of workloads");
    for (const s of DATA.order.filter((s) => shown.has(s))) {
      const ends = [...new Set(ratio[s].filter((r) => r <= top))].sort((a, b) => a - b);
      let d = `M${c.x(1)} ${c.y(fraction(s, 1))}`;
      for (const r of ends) d += `H${c.x(r)}V${c.y(fraction(s, r))}`;
      c.plot.append(shape("path", { class: "curve", d: `${d}H${c.x(top)}`, stroke: colourOf(s), "stroke-dasharray": dashOf(s) },
        shape("title", {}, DATA.submissions[s])));
    }
    const cursor = shape("line", { class: "cursor", y1: c.margin.top, y2: c.margin.top + c.inner.height, visibility: "hidden" });
    c.svg.append(cursor);
    onPoint(c, [1, top], [0, 1], (point) => {
      const inside = point && point.x >= 1 && point.x <= top;
      cursor.setAttribute("visibility", inside ? "visible" : "hidden");
      readout.textContent = "";
      if (!inside) return;
      cursor.setAttribute("x1", point.px);
      cursor.setAttribute("x2", point.px);
      const listed = DATA.order.filter((s) => shown.has(s))
        .map((s) => `${DATA.submissions[s]} ${Math.round(fraction(s, point.x) * ratio[s].length)}`);
      readout.textContent = `Within ${point.x.toFixed(2)} times the fastest, of ${rules.base.length} workloads: ${listed.join(" · ")}`;
    });
    return c.svg;
  };
  const place = drawing(draw);
  document.addEventListener("toggled", place.redraw);
  return section("profiles", "Performance profiles",
    "For each submission the fraction of workloads on which it was at most so many times slower than the fastest. Move over " +
    "the figure to read it; choose submissions below.", place, readout, legend());
}

function timesSection() {
  const rules = defaultRules();
  const { ratio, times } = rescore(DATA.studySec, rules);
  const held = new Map(DATA.heldOut);
  const columns = [...DATA.base, ...held.keys()];
  const header = ["submission", ...columns.map((w) => {
    const work = DATA.workloads[w];
    const budget = work.budget ? `, budget ${duration(work.budget)}` : "";
    return [held.has(w) ? `${work.name} (held out)` : work.name, {
      title: `${work.title}: ${work.metric} ${work.minimize ? "at most" : "at least"} ${work.target}${budget}`,
      class: held.has(w) ? "held" : null }];
  })];
  const rows = DATA.order.map((s) => [DATA.submissions[s], ...columns.map((w) => timeCell(s, w, times, ratio, held))]);
  const readout = element("div", { class: "readout lines", "aria-live": "polite" });
  const heat = table(header, rows, { class: "heat", label: "Times to target" });
  heat.addEventListener("click", (event) => { readout.textContent = event.target.closest("[title]")?.title ?? ""; });
  return section("times", "Times to target",
    "Median over studies of the fastest trial, and how many studies got there. The darker, the closer to the fastest of the " +
    "column. Hatched: not reached, with how most trials ended. Dashed frame: reached, but without credit (too slow, or the " +
    "held-out variant failed). Hover over a cell or tap it for single studies.",
    heat, readout);
}

function timeCell(s, w, times, ratio, held) {
  const cells = DATA.studySec[s][w].filter((t) => t !== null);
  const time = times[s][w];
  const endings = Object.entries(DATA.endings[s][w]).sort((a, b) => b[1] - a[1]);
  const listed = DATA.studies.map((name, j) => [name, DATA.studySec[s][w][j]]).filter(([, t]) => t !== null)
    .map(([name, t]) => `${name}: ${t < 0 ? "not reached" : `${t.toFixed(1)} s`}`);
  const title = [`${DATA.submissions[s]}, ${DATA.workloads[w].name}`, ...listed,
    ...endings.map(([name, n]) => `${n} trials: ${name}`)].join("\n");
  const extra = held.has(w) ? " held" : "";
  if (!endings.length) return ["not run", { class: `missed${extra}`, title }];
  if (time === Infinity) {
    const most = endings.filter(([name]) => name !== "target reached")[0];
    return [element("span", {}, "–", element("small", {}, most ? most[0] : "")), { class: `missed${extra}`, title }];
  }
  const fastest = Math.min(...times.map((row) => row[w]));
  const k = DATA.base.indexOf(w);
  const cut = k >= 0 && ratio[s][k] === Infinity ? " cut" : "";
  const reached = cells.filter((t) => t >= 0).length;
  const amount = Math.max(0, 1 - Math.log(time / fastest) / Math.log(Math.max(DATA.maxRatio, 1.1)));
  return [element("span", {}, duration(time), element("small", {}, `${reached}/${cells.length}`)),
    { class: extra + cut, style: shade(amount), title }];
}
