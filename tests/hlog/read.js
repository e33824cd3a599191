// Reads an interval log with the JavaScript HdrHistogram and prints what is in it as JSON.

import { readFileSync } from 'node:fs';
import hdr from 'hdr-histogram-js';

const PER_MILLE = { p50: 500, p75: 750, p90: 900, p95: 950, p99: 990, p99_9: 999 };

/** The row of the summary that a tag belongs to, and whether its times are shown there. */
function rowOf(tag) {
  const [phase, variant, journey, step, capability, event, action, outcome, kind] = tag
    .split('/')
    .map(decodeURIComponent);
  return {
    row: [phase, variant, journey, step, capability, event, action, kind].join('|'),
    isGood: ['', 'advanced', 'refused-as-expected'].includes(outcome),
  };
}

function atRank(histogram, perMille) {
  const rank = Math.ceil((histogram.totalCount * perMille) / 1000);
  return histogram.getValueAtPercentile((100 * rank) / histogram.totalCount);
}

const text = readFileSync(process.argv[2], 'utf8');
const reader = new hdr.HistogramLogReader(text, 64);
const windows = new Set();
const rows = new Map();
const faulty = {};
let lines = 0;
let histogram;
while ((histogram = reader.nextIntervalHistogram()) !== null) {
  lines += 1;
  const start = reader.startTimeSec * 1000;
  const from = Math.round(histogram.startTimeStampMsec - start);
  windows.add(JSON.stringify([from, Math.round(histogram.endTimeStampMsec - start)]));
  const { row, isGood } = rowOf(histogram.tag);
  if (!isGood) {
    faulty[row] = (faulty[row] ?? 0) + histogram.totalCount;
  } else if (rows.has(row)) {
    rows.get(row).add(histogram);
  } else {
    rows.set(row, histogram);
  }
}
const found = {};
for (const [row, histogram] of rows) {
  found[row] = { count: histogram.totalCount, min: histogram.minNonZeroValue, max: histogram.maxValue };
  for (const [name, part] of Object.entries(PER_MILLE)) {
    found[row][name] = atRank(histogram, part);
  }
}
console.log(
  JSON.stringify({
    lines,
    start_ms: Math.round(reader.startTimeSec * 1000),
    windows: [...windows].map((window) => JSON.parse(window)).sort((a, b) => a[0] - b[0]),
    rows: found,
    faulty,
  }),
);
