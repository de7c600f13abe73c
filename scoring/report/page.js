"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const MOST_SHOWN = 12;
const METHODS = ["documented", "official"];
const shown = new Set(DATA.order.slice(0, MOST_SHOWN));

function defaultRules() {
  return {
    base: DATA.base, heldOut: DATA.heldOut, maxRatio: DATA.maxRatio, method: DATA.method,
    studies: DATA.studies.map((_, j) => j), submissions: DATA.submissions.map((_, s) => s),
  };
}

function curveSection() {
  const counted = [...DATA.base, ...DATA.heldOut.map((pair) => pair[0])];
  const others = DATA.workloads.map((_, w) => w).filter((w) => !counted.includes(w) && DATA.curves[w].length);
  const choice = element("select", { id: "workload" }, [...counted, ...others]
    .map((w) => element("option", { value: w }, DATA.workloads[w].name)));
  const whole = element("input", { type: "checkbox", id: "whole" });
  const readout = element("div", { class: "readout", "aria-live": "polite" });
  const place = drawing((width) => drawCurves(width, Number(choice.value), whole.checked, readout));
  for (const control of [choice, whole]) control.addEventListener("change", place.redraw);
  document.addEventListener("toggled", place.redraw);
  return section("curves", "Training curves",
    "Of every study the trial that counts, against seconds on the clock. A ring marks the evaluation that reached the " +
    "target; dashed lines are target and budget.",
    element("div", { class: "controls" },
      element("label", {}, "Workload", choice), element("label", {}, whole, "whole range of values")),
    place, readout, legend());
}

/** Values to show: from the best to some way on the other side of the target, unless all are wanted. */
function valueRange(curves, work, whole) {
  const values = curves.flatMap((curve) => curve.v.filter((v) => v !== null)).concat(work.target);
  const low = Math.min(...minMax(values)), high = Math.max(...minMax(values));
  if (whole) return [low, high];
  const best = work.minimize ? Math.min(low, work.target) : Math.max(high, work.target);
  const late = curves.flatMap((curve) => curve.v.slice(Math.floor(curve.v.length / 4)).filter((v) => v !== null)).sort((a, b) => a - b);
  const far = late.length ? late[Math.floor((late.length - 1) * (work.minimize ? 0.7 : 0.3))] : work.target;
  const room = Math.abs(far - best) * 0.05 || Math.abs(best) * 0.05 || 1;
  return work.minimize ? [best - room, Math.max(far, work.target) + room] : [Math.min(far, work.target) - room, best + room];
}

function minMax(values) {
  return values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
}

function drawCurves(width, w, whole, readout) {
  const work = DATA.workloads[w];
  const curves = DATA.curves[w].filter((curve) => shown.has(curve.s));
  const last = curves.reduce((most, curve) => Math.max(most, curve.t.at(-1) ?? 0), 0);
  const xRange = [0, Math.max(last, work.budget ?? 0) * 1.02 || 1];
  const yRange = valueRange(curves, work, whole);
  const c = chart(width, Math.min(460, Math.max(280, width * 0.5)), xRange, yRange,
    "timed seconds", `validation ${work.metric}`);
  const mark = (x1, y1, x2, y2) => c.plot.append(shape("line", { class: "mark", x1, y1, x2, y2 }));
  mark(c.x(0), c.y(work.target), c.x(xRange[1]), c.y(work.target));
  if (work.budget) mark(c.x(work.budget), c.margin.top, c.x(work.budget), c.margin.top + c.inner.height);
  for (const curve of curves) {
    let d = "", pen = "M";
    curve.t.forEach((t, k) => {
      if (curve.v[k] === null) { pen = "M"; return; }
      d += `${pen}${c.x(t).toFixed(1)} ${c.y(curve.v[k]).toFixed(1)}`;
      pen = "L";
    });
    c.plot.append(shape("path", { class: "curve", d, stroke: colourOf(curve.s), "stroke-dasharray": dashOf(curve.s), opacity: 0.8, "stroke-width": 1.5 }));
    if (curve.hit !== null) c.plot.append(shape("circle", {
      cx: c.x(curve.t[curve.hit]), cy: c.y(curve.v[curve.hit]), r: 5, fill: "none", stroke: colourOf(curve.s), "stroke-width": 2.5 }));
  }
  onPoint(c, xRange, yRange, (point) => { readout.textContent = point ? nearest(curves, point, c, work) : ""; });
  return c.svg;
}

function nearest(curves, point, c, work) {
  let best = null, least = 30;
  for (const curve of curves)
    curve.t.forEach((t, k) => {
      if (curve.v[k] === null) return;
      const distance = Math.hypot(c.x(t) - point.px, c.y(curve.v[k]) - point.py);
      if (distance < least) [best, least] = [{ curve, k }, distance];
    });
  if (!best) return `target ${work.target}` + (work.budget ? `, budget ${work.budget} s` : "");
  const { curve, k } = best;
  return `${DATA.submissions[curve.s]}, ${curve.label}: ${work.metric} ${curve.v[k]} at ${curve.t[k]} s (${duration(curve.t[k])})`;
}

// From what was wanted to what went wrong; crashes in warm colours.
const ENDING_COLOURS = {
  "target reached": "#0072b2", "budget exhausted": "#8fbfdc", "step limit": "#b7d7ea",
  "completed by the submission": "#cfe3ee", "diverged": "#7a5195", "unknown workload": "#cccccc",
  "no evaluation": "#8c2d04", "ended after the first evaluation": "#cc4c02", "ended early": "#ec7014",
  "interrupted": "#fe9929", "out of memory": "#5c1a00", "error of the submission": "#d94801", "error of the harness": "#fdae6b",
};

function ledgerSection() {
  const total = (s) => {
    const sums = {};
    for (const cell of [...DATA.endings[s], DATA.otherEndings[s]])
      for (const [name, n] of Object.entries(cell)) sums[name] = (sums[name] ?? 0) + n;
    return sums;
  };
  const sums = DATA.submissions.map((_, s) => total(s));
  const names = DATA.endingNames.filter((name) => sums.some((sum) => sum[name]));
  const cells = { class: "number" };
  const rows = DATA.order.map((s) => {
    const all = Object.values(sums[s]).reduce((a, b) => a + b, 0);
    const bar = element("div", { class: "bar", role: "img", "aria-label": names.map((n) => `${n} ${sums[s][n] ?? 0}`).join(", ") },
      names.map((name) => element("span", { title: `${sums[s][name] ?? 0} ${name}`,
        style: `width:${100 * (sums[s][name] ?? 0) / all}%;background:${ENDING_COLOURS[name]}` })));
    return [DATA.submissions[s], bar, ...names.map((name) => [String(sums[s][name] ?? 0), cells]), [String(all), cells]];
  });
  const header = ["submission", "", ...names.map((name) => [element("span", {},
    element("span", { style: `color:${ENDING_COLOURS[name]}`, "aria-hidden": "true" }, "■\u00a0"), name), cells]), ["all trials", cells]];
  return section("ledger", "Ledger of trials",
    "How every trial ended, also on workloads that make up no score, whose trials the leaderboard leaves out. Blue: it " +
    "reached its target or used up what it was given. Orange and brown: it broke off. In official logs endings are " +
    "inferred; trials.csv names the evidence for each.",
    table(header, rows, { label: "Ledger of trials" }));
}

function costSection() {
  const cells = { class: "number" };
  const rows = DATA.order.map((s) => {
    const cost = DATA.cost[s];
    return [DATA.submissions[s], ...[cost.trials, cost.timed.toFixed(1), cost.eval.toFixed(1), cost.total.toFixed(1)]
      .map((text) => [String(text), cells])];
  });
  return section("cost", "Cost", "Hours of the machine over all trials: on the clock, in evaluation, and altogether with everything else.",
    table(["submission", ["trials", cells], ["timed h", cells], ["evaluation h", cells], ["total h", cells]], rows, { label: "Cost" }));
}

/**
 * Rules as the address of the page states them, for example #max_ratio=2&without=ogbg,lion&studies=0,1, and what in it
 * is not known here.
 */
function rulesFromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const rules = defaultRules(), unknown = [];
  const take = (key, isKnown) => {
    const values = (asked.get(key) ?? "").split(",").filter(Boolean);
    unknown.push(...values.filter((value) => !isKnown(value)).map((value) => `${key}=${value}`));
    return values.filter(isKnown);
  };
  const names = [...rules.base.map((w) => DATA.workloads[w].name), ...DATA.submissions];
  const without = take("without", (name) => names.includes(name));
  rules.base = rules.base.filter((w) => !without.includes(DATA.workloads[w].name));
  rules.submissions = rules.submissions.filter((s) => !without.includes(DATA.submissions[s]));
  const studies = take("studies", (j) => rules.studies.map(String).includes(j));
  if (studies.length) rules.studies = rules.studies.filter((j) => studies.includes(String(j)));
  for (const text of take("max_ratio", (r) => Number(r) >= 1 && Number.isFinite(Number(r)))) rules.maxRatio = Number(text);
  for (const name of take("method", (name) => METHODS.includes(name))) rules.method = name;
  if (take("held_out", (answer) => answer === "no").length) rules.heldOut = [];
  const keys = ["without", "studies", "max_ratio", "method", "held_out"];
  for (const [key, value] of asked) if (value && !keys.includes(key)) unknown.push(`${key}=${value}`);
  return { rules, unknown };
}

function otherRulesSection() {
  const { rules, unknown } = rulesFromAddress();
  const results = element("div", {});
  const update = () => {
    // A variant that is held out only because it is in the logs is none when nobody left ran it.
    const isRun = (w) => rules.submissions.some((s) => Object.keys(DATA.endings[s][w]).length > 0);
    const heldOut = rules.heldOut.filter(([variant, base]) =>
      rules.base.includes(base) && (!DATA.heldOutIfRun || isRun(variant)));
    results.replaceChildren(rescoredTable({ ...rules, heldOut }));
  };
  const boxes = (title, labels, list, all) => element("fieldset", {}, element("legend", {}, title), labels.map((label, k) =>
    element("label", {}, element("input", { type: "checkbox", checked: rules[list].includes(all[k]), onchange: (event) => {
      rules[list] = all.filter((x) => (x === all[k] ? event.target.checked : rules[list].includes(x)));
      update();
    } }), label)));
  const shownRatio = element("output", {}, String(rules.maxRatio));
  const ratio = element("input", { type: "range", min: 1.1, max: 10, step: 0.1, value: rules.maxRatio, "aria-label": "largest ratio", oninput: (event) => {
    rules.maxRatio = Number(event.target.value);
    shownRatio.textContent = rules.maxRatio.toFixed(1);
    update();
  } });
  const method = element("select", { onchange: (event) => { rules.method = event.target.value; update(); } },
    METHODS.map((name) => element("option", { value: name, selected: name === rules.method }, name)));
  const heldOut = DATA.heldOut.length ? element("label", {}, element("input", { type: "checkbox", checked: rules.heldOut.length > 0,
    onchange: (event) => { rules.heldOut = event.target.checked ? DATA.heldOut : []; update(); } }), "held-out workloads count") : null;
  update();
  const all = defaultRules();
  return section("rules", "Under other rules",
    "The score recomputed here with another largest ratio, without some workloads, competitors or studies. Times of studies stay as they are.",
    unknown.length ? element("p", { class: "problem" }, `In the address, but not known here: ${unknown.join(", ")}`) : null,
    element("div", { class: "controls" },
      element("label", {}, "largest ratio", ratio, shownRatio), element("label", {}, "area", method), heldOut,
      boxes("Workloads", DATA.base.map((w) => DATA.workloads[w].name), "base", all.base),
      boxes("Studies", DATA.studies, "studies", all.studies),
      boxes("Submissions", DATA.submissions, "submissions", all.submissions)),
    results);
}

function rescoredTable(rules) {
  const { score } = rescore(DATA.studySec, rules);
  const cells = { class: "number" };
  const order = rules.submissions.map((s, k) => [s, score[k]]).sort((a, b) => (b[1] - a[1]) || a[0] - b[0]);
  const rows = order.map(([s, value], k) => {
    const change = value - DATA.score[s];
    const text = Math.abs(change) < 5e-7 ? "" : `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(4)}`;
    const better = order.filter(([, other]) => other > value + 1e-12).length;
    return [DATA.submissions[s], [String(better + 1), cells],
      [number(value, 4), { ...cells, "data-name": DATA.submissions[s], "data-rescored": value }],
      intervalBar(value, value, value, colourOf(s)), [number(DATA.score[s], 4), cells],
      [text, { class: `number ${change > 0 ? "up" : "down"}` }]];
  });
  return table(["submission", ["rank", cells], ["score", cells], "", ["as above", cells], ["change", cells]], rows, { label: "Scores under other rules" });
}

function checksSection() {
  const problems = DATA.problems.map((problem) =>
    element("p", { class: "problem" }, `${problem.error ? "error" : "note"}: ${problem.text}`));
  const more = DATA.numProblems > DATA.problems.length ? `The first ${DATA.problems.length} of ${DATA.numProblems}. ` : "";
  const audit = DATA.audit === null ? null : [element("h3", {}, "Audit"),
    table(["check", "where", "evidence"], DATA.audit, { class: "prose", label: "Audit" })];
  return section("checks", "Files and checks", DATA.numProblems ? `${more}What was odd or malformed in the files:` : "All files were as they should be.",
    problems, audit);
}

function start() {
  const counted = DATA.base.map((w) => DATA.workloads[w].name).join(", ");
  document.getElementById("facts").textContent =
    `${DATA.submissions.length} submissions, ${DATA.studies.length} studies. ` +
    (DATA.standard ? "" : `Scored over ${counted} alone: this is no AlgoPerf score. `) +
    "All times are seconds on the clock of the timing protocol; lower is better. Scores depend on who is scored together.";
  const sections = [leaderboardSection(), profileSection(), timesSection(), curveSection(), ledgerSection(), costSection(),
    otherRulesSection(), checksSection()];
  document.querySelector("main").replaceChildren(...sections);
  document.querySelector("nav").append(...sections.map((s) => element("a", { href: `#${s.id}` }, s.querySelector("h2").textContent)));
  // Observers run a frame later, and a page that is printed or read by a program may never show one.
  for (const chart of document.querySelectorAll(".chart")) chart.redraw();
  document.documentElement.dataset.ready = "yes";
}

start();
