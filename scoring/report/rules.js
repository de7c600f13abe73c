"use strict";
// The score, computed as scoring/times.py and scoring/profiles.py do, from the times of studies.
// In the data a time is -1 where the target was not reached and null where nothing was run.

const OFFICIAL_POINTS = 100;

/** Median of what was run, Infinity included; null where nothing was. */
function median(times) {
  const sorted = times.filter((t) => t !== null)
    .map((t) => (t < 0 ? Infinity : t)).sort((a, b) => (a === b ? 0 : a - b));
  if (!sorted.length) return null;
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  return (low + sorted[Math.floor(sorted.length / 2)]) / 2;
}

/** Median time of each submission and workload over some of the studies; Infinity where there is none. */
function workloadTimes(studySec, studies) {
  return studySec.map((row) => row.map((cell) => median(studies.map((j) => cell[j])) ?? Infinity));
}

/** Ratio of each time to the fastest qualified one [submission][base workload]; Infinity: no credit. */
function ratios(times, rules) {
  const t = times.map((row) => row.slice());
  const fastest = (w) => t.reduce((least, row) => Math.min(least, row[w]), Infinity);
  for (const [variant, base] of rules.heldOut)
    for (const row of t) if (row[base] === Infinity) row[variant] = Infinity;
  for (const w of new Set([...rules.base, ...rules.heldOut.map((pair) => pair[0])])) {
    const limit = rules.maxRatio * fastest(w);
    for (const row of t) if (row[w] > limit) row[w] = Infinity;
  }
  for (const [variant, base] of rules.heldOut)
    for (const row of t) if (row[variant] === Infinity) row[base] = Infinity;
  const best = rules.base.map(fastest);
  return t.map((row) => rules.base.map((w, k) => (row[w] === Infinity ? Infinity : best[k] > 0 ? row[w] / best[k] : 1)));
}

/** What a ratio adds to the score, from 0 to 1. */
function credit(ratio, rules) {
  const top = rules.maxRatio, width = top - 1;
  if (!(ratio <= top)) return 0;
  if (ratio <= 1) return 1;
  if (rules.method === "documented") return Math.min(1, (top - ratio) / width);
  const step = width / (OFFICIAL_POINTS - 1);
  let point = Math.max(0, Math.floor((ratio - 1) / step) - 1);
  while (1 + point * step < ratio && point < OFFICIAL_POINTS - 1) point += 1;
  return (top - (1 + point * step) + step / 2) / width;
}

/**
 * Scores of some submissions under some rules: {score, ratio}, indexed as `rules.submissions`.
 * rules: {base, heldOut, maxRatio, method, studies, submissions}, all by index.
 */
function rescore(studySec, rules) {
  const times = workloadTimes(rules.submissions.map((s) => studySec[s]), rules.studies);
  const ratio = ratios(times, rules);
  const score = ratio.map((row) =>
    row.length ? row.reduce((sum, r) => sum + credit(r, rules), 0) / row.length : NaN);
  return { score, ratio, times };
}
