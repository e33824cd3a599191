// One run, scraped by a real Prometheus until its last number, held against its own summary.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Prometheus } from './prometheus.js';
import { check, ended, freeFolder, metrics, run } from './gander.js';

/** Upper bounds of the buckets, in seconds, as the exposition itself names them. */
let bounds;
let folder, gander, prometheus, summary, exposition;

before(async () => {
  folder = freeFolder();
  gander = await run(folder);
  prometheus = await Prometheus.scraping(folder, gander.target);
  // Not before somebody has scraped twice does gander wait for a last scrape.
  await prometheus.until('scrape_samples_scraped > 50', (found) => found.length > 0);
  exposition = {
    text: await metrics(gander.target, 'text/plain'),
    open: await metrics(gander.target, 'application/openmetrics-text;version=1.0.0'),
  };
  bounds = [...new Set([...exposition.text.body.matchAll(/le="([0-9.]+)"/g)].map(([, le]) => Number(le)))];
  bounds.sort((a, b) => a - b);
  summary = await ended(gander, folder);
});

after(async () => {
  gander?.kill();
  await prometheus?.stop();
  folder?.remove();
});

/** The last value of a counter or gauge, by the labels it is summed by; also when the target is gone. */
const last = (metric) => `last_over_time(${metric}[5m])`;

/** The bucket that a time lies in; times are told to one part in a thousand. */
function bucketOf(seconds) {
  // The summary's own resolution is a thousandth: what lies that near to a bound may be on either side of it.
  const place = (factor) => bounds.findIndex((bound) => seconds <= bound * factor);
  return { low: bounds[place(1.001) - 1] ?? 0, high: bounds[place(0.999)] ?? Infinity };
}

/** `histogram_quantile` places the percentile somewhere in its bucket. */
function agrees(found, timeUs, what) {
  const { low, high } = bucketOf(timeUs / 1e6);
  assert.ok(found >= low && found <= high, `${what}: Prometheus says ${found} s, the summary ${timeUs} µs`);
}

test('promtool finds nothing to complain about', () => {
  assert.equal(check(exposition.text.body), '');
});

test('both dialects are served as what they are', () => {
  assert.match(exposition.text.type, /^text\/plain; version=0\.0\.4/);
  assert.match(exposition.open.type, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.ok(exposition.open.body.endsWith('# EOF\n') && !exposition.text.body.includes('# EOF'));
});

test('the last scrape has the counts of the summary, by journey and ending', async () => {
  for (const row of summary.journeys) {
    const of = `phase="measured",variant="${row.variant}",journey="${row.journey}"`;
    assert.equal(await prometheus.number(last(`gander_iterations_due_total{${of}}`)), row.due, row.journey);
    const endings = { completed: row.completed, dropped: row.dropped, cut_off: row.cut_off, lost: row.lost, ...row.faults };
    for (const [ending, count] of Object.entries(endings)) {
      const found = await prometheus.number(last(`gander_iterations_total{${of},ending="${ending}"}`));
      assert.equal(found ?? 0, count, `${row.journey} ${ending}`);
    }
    assert.equal(await prometheus.number(last(`gander_journey_response_seconds_count{${of}}`)), row.completed);
  }
});

test('exchanges are counted by step, capability, event, action and outcome', async () => {
  assert.ok(summary.steps.length > 5);
  for (const row of summary.steps) {
    const of = ['variant', 'journey', 'step', 'capability', 'event', 'action'].map((label) => `${label}="${row[label]}"`);
    const selector = `{phase="measured",${of.join(',')}}`;
    const found = await prometheus.number(`sum(${last(`gander_exchanges_total${selector}`)})`);
    assert.equal(found, row.samples, selector);
    const good = row.samples - Object.values(row.faults).reduce((sum, count) => sum + count, 0);
    assert.equal(await prometheus.number(last(`gander_exchange_seconds_count${selector}`)), good, selector);
  }
});

test('percentiles agree with the summary within the width of a bucket', async () => {
  const quantile = (share, metric) => `histogram_quantile(${share}, sum by (le) (${last(metric)}))`;
  for (const row of summary.journeys) {
    const metric = `gander_journey_response_seconds_bucket{phase="measured",variant="${row.variant}",journey="${row.journey}"}`;
    for (const [share, key] of [[0.5, 'p50'], [0.95, 'p95'], [0.99, 'p99']]) {
      agrees(await prometheus.number(quantile(share, metric)), row.response_time_us[key], `${row.journey} ${key}`);
    }
  }
  for (const row of summary.capabilities) {
    const metric = `gander_exchange_seconds_bucket{phase="measured",variant="${row.variant}",capability="${row.capability}"}`;
    agrees(await prometheus.number(quantile(0.95, metric)), row.service_time_us.p95, row.capability);
  }
});

test('the mean of a histogram is that of the summary', async () => {
  for (const row of summary.journeys) {
    const of = `{phase="measured",variant="${row.variant}",journey="${row.journey}"}`;
    const mean = await prometheus.number(
      `${last(`gander_journey_response_seconds_sum${of}`)} / ${last(`gander_journey_response_seconds_count${of}`)}`,
    );
    const expected = row.response_time_us.mean / 1e6;
    assert.ok(Math.abs(mean - expected) < expected / 500, `${mean} s, the summary has ${expected} s`);
  }
});

test('the generator and the run say who they are', async () => {
  const [info] = await prometheus.query(last('gander_run_info'));
  assert.equal(info.metric.run_id, summary.run_id);
  assert.equal(await prometheus.number('max_over_time(gander_users[5m])'), 4);
  assert.ok(await prometheus.number('max_over_time(gander_resident_memory_bytes[5m])') > 1e6);
  assert.ok(await prometheus.number('max_over_time(gander_generator_cpu_ratio[5m])') > 0);
});

test('every query of the dashboard is one that Prometheus understands and answers', async () => {
  const dashboard = JSON.parse(readFileSync(new URL('../../docs/grafana/gander.json', import.meta.url), 'utf8'));
  const queries = dashboard.panels.flatMap((panel) => panel.targets ?? []).map((target) => target.expr);
  assert.ok(queries.length >= 8);
  // Grafana fills the variables in; the run lies within the last minutes.
  const filled = (query) =>
    query.replaceAll('$__rate_interval', '5s').replaceAll('$phase', 'measured').replaceAll(/\$(instance|variant|journey)/g, '.+');
  const empty = [];
  for (const query of queries) {
    const found = await prometheus.range(filled(query));
    if (found.length === 0) empty.push(query);
  }
  // Nothing failed in this run, and the closed model has no lag.
  assert.deepEqual(empty.filter((query) => !/ending!="completed"|outcome!~|lag_p99/.test(query)), []);
});
