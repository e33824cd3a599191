// The report of a real run, and the page of a run in progress, in a real browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../conformance/support/browser.js';
import { Run, View } from './support.js';

// Something of everything: arrivals on a schedule, three journeys, faults of two kinds, a threshold that fails.
const EVENTFUL = [
  '--rate', '40/s', '--duration', '8s', '--warm-up', '2s', '-j', 'sign-on=7,register=2,recovery=1',
  '--set', 'stand_in.delay=[{ delay = "lognormal 15ms 0.5" }]',
  '--set', 'stand_in.fault=[{ kind = "http-500", capability = "customHTMLTemplate", share = "2%" }, { kind = "reset", capability = "customHTMLTemplate", share = "1%" }]',
  '--threshold', 'sign-on.p95 < 5ms', '--threshold', 'faults < 90%',
];

const VIEWS = [1280, 400].flatMap((width) => ['light', 'dark'].map((scheme) => ({ width, scheme })));

let browser;
let person;
let run;

before(async () => {
  run = new Run(...EVENTFUL);
  [browser] = await Promise.all([Browser.launch(), run.ended]);
  person = await browser.person();
  // On a machine that is busy with something else the run is invalid; its pages have to be right all the same.
  assert.ok([4, 5].includes(await run.ended), run.said);
});

after(async () => {
  await browser?.close();
  await run?.remove();
});

for (const view of VIEWS) {
  test(`the report reads at ${view.width} pixels, ${view.scheme}, without a network`, async () => {
    const page = await open(run.page, view);
    assert.deepEqual(page.complaints, []);
    assert.deepEqual(page.tab.calls.map(({ url }) => url), [run.page], 'nothing but the file is asked for');
    assert.match(await page.evaluate(`document.querySelector('h1').innerText`), verdict());
    assert.equal(await page.overflow(), 0, 'the page is as wide as its window');
    assert.deepEqual(await page.problems(), []);
  });
}

test('the verdict is the biggest thing on the first screen', async () => {
  const page = await open(run.page);
  const biggest = await page.evaluate(`(() => {
    const sizes = [...document.querySelectorAll('body *')]
      .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
      .filter((one) => { const box = one.getBoundingClientRect(); return box.height > 0 && box.top < innerHeight; })
      .map((one) => ({ size: parseFloat(getComputedStyle(one).fontSize), text: one.textContent.trim() }));
    return sizes.reduce((a, b) => (b.size > a.size ? b : a)).text;
  })()`);
  assert.match(biggest, verdict());
});

for (const width of [1280, 400]) {
  test(`everything is there without a script at ${width} pixels`, async () => {
    const told = (page) => page.evaluate(`({
      sections: [...document.querySelectorAll('main > section:not([hidden]) h2')].map((h) => h.textContent),
      rows: document.querySelectorAll('tbody tr').length,
      charts: document.querySelectorAll('figure svg').length,
    })`);
    const bare = await open(run.page, { width, script: false });
    assert.equal(await bare.overflow(), 0);
    assert.equal(await bare.evaluate(`document.querySelectorAll('th button').length`), 0, 'the script did not run');
    const found = await told(bare);
    assert.deepEqual(found, await told(await open(run.page, { width })));
    assert.ok(found.sections.length >= 8 && found.rows > 20 && found.charts >= 8, JSON.stringify(found));
  });
}

test('pointing at a percentile of the spectrum shows what summary.json has', async () => {
  const summary = run.json('summary.json');
  const page = await open(run.page);
  for (const { journey, completed, response_time_us: times } of summary.journeys) {
    for (const [name, share, value] of [['p50', 0.5, times.p50], ['p95', 0.95, times.p95], ['p99', 0.99, times.p99]]) {
      // A percentile that less than one sample is above is the maximum, where the line ends.
      if (completed * (1 - share) < 1) continue;
      const at = await page.evaluate(`(() => {
        const figure = document.querySelector('figure[id*="spectrum"]');
        figure.scrollIntoView({ block: 'center', behavior: 'instant' });
        const data = JSON.parse(figure.querySelector('script.data').textContent);
        const place = data.x.text.findIndex((text) => new RegExp(${JSON.stringify(`\\b(p?${name.slice(1)}\\s?%?)($|[^.\\d])`)}).test(text));
        const svg = figure.querySelector('.plot svg');
        const box = svg.getBoundingClientRect();
        return { place, x: box.left + data.x.pixels[place] * box.width / svg.viewBox.baseVal.width, y: box.top + box.height / 2 };
      })()`);
      assert.ok(at.place >= 0, `the spectrum has a mark at ${name}`);
      await page.hover(at.x, at.y);
      const shown = await page.evaluate(`document.querySelector('figure[id*="spectrum"] .readout').textContent`);
      const figure = time(value).replace('.', '\\.');
      assert.match(shown, new RegExp(`${journey}[^a-z]* ${figure}`), `${journey} ${name} = ${value} µs`);
    }
  }
});

test('arrow keys read a chart out, too', async () => {
  const page = await open(run.page);
  await page.evaluate(`document.querySelector('figure .drawing[tabindex]').focus()`);
  const readout = `document.querySelector('figure:has(.drawing[tabindex]) .readout').textContent`;
  await page.press('ArrowRight');
  const first = await page.evaluate(readout);
  await page.press('ArrowRight');
  const second = await page.evaluate(readout);
  assert.notEqual(first, second);
  assert.match(second, /\d/);
});

test('tables are sorted by a press on a heading, and back by another', async () => {
  const page = await open(run.page);
  const column = (table, title) => page.evaluate(`(() => {
    const table = document.querySelector(${JSON.stringify(table)});
    const place = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent.trim() === ${JSON.stringify(title)});
    return { sort: table.tHead.rows[0].cells[place].getAttribute('aria-sort'),
      groups: [...table.tBodies].map((body) => [...body.rows].filter((row) => !row.matches('.sum, .title'))
        .map((row) => Number(row.cells[place].dataset.value))) };
  })()`);
  const press = (table, title) => page.evaluate(`(() => {
    const heads = [...document.querySelector(${JSON.stringify(table)}).tHead.rows[0].cells];
    heads.find((head) => head.textContent.trim() === ${JSON.stringify(title)}).querySelector('button').click();
  })()`);
  const table = '#steps table.sortable';
  await press(table, 'p95');
  const falling = await column(table, 'p95');
  assert.equal(falling.sort, 'descending');
  for (const group of falling.groups) assert.deepEqual(group, [...group].sort((a, b) => b - a));
  assert.ok(falling.groups.some((group) => group.length > 2));
  await press(table, 'p95');
  const rising = await column(table, 'p95');
  assert.equal(rising.sort, 'ascending');
  for (const group of rising.groups) assert.deepEqual(group, [...group].sort((a, b) => a - b));
});

test('a series is switched off and on in the legend', async () => {
  const page = await open(run.page);
  const press = () => page.evaluate(`(() => {
    const button = document.querySelector('.legend button');
    button.click();
    const figure = button.closest('figure');
    const group = [...figure.querySelectorAll('.plot [data-series]')].find((one) => one.dataset.series === button.dataset.series);
    return [button.getAttribute('aria-pressed'), getComputedStyle(group).display !== 'none' && getComputedStyle(group).visibility !== 'hidden'];
  })()`);
  assert.deepEqual(await press(), ['false', false]);
  assert.deepEqual(await press(), ['true', true]);
});

test('the file is below a megabyte', () => {
  assert.ok(run.bytes('report.html') < 1_000_000, `${run.bytes('report.html')} bytes`);
});

test('the live page changes while a run goes on, and its button ends the run with complete results', async () => {
  const going = new Run('--live', '127.0.0.1:0', '--rate', '20/s', '--duration', '5m', '--warm-up', '0s');
  try {
    const [url] = await going.says(/http:\/\/127\.0\.0\.1:\d+\/\S*/);
    const page = await View.open(person, url, { offline: false });
    assert.match(await page.evaluate(`document.querySelector('h1').innerText`), /^running/i);
    const figures = await page.evaluate(`document.querySelector('#key-figures').textContent`);
    await page.until(`document.querySelector('#key-figures').textContent !== ${JSON.stringify(figures)}`);
    assert.equal(await page.overflow(), 0);
    assert.deepEqual(await page.problems(), []);
    await page.evaluate(`document.querySelector('#stop').click()`);
    await page.until(`!/^running/i.test(document.querySelector('h1').innerText)`);
    assert.equal(await going.ended, 130, going.said);
    assert.deepEqual(page.complaints, []);
    const { journeys } = going.json('summary.json');
    const sum = (name) => journeys.reduce((all, row) => all + row[name], 0);
    assert.ok(sum('due') > 0);
    assert.equal(sum('due'), sum('completed') + sum('failed'), 'everything due came to its end: nothing was cut off');
  } finally {
    await going.remove();
  }
});

test('nobody without the token, and no page of another site, sees or stops a run', async () => {
  const going = new Run('--live', '127.0.0.1:0', '--rate', '5/s', '--duration', '5m', '--warm-up', '0s');
  try {
    const [text] = await going.says(/http:\/\/127\.0\.0\.1:\d+\/\S*/);
    const url = new URL(text);
    const status = async (path, options) => (await fetch(new URL(path, url.origin), { redirect: 'manual', ...options })).status;
    for (const path of ['/', '/events', '/stop', '/?token=0123456789abcdef0123456789abcdef']) {
      assert.ok((await status(path)) >= 400, path);
      assert.ok((await status(path, { method: 'POST' })) >= 400, `POST ${path}`);
    }
    assert.ok((await status(`${url.pathname}${url.search}`)) < 400);
  } finally {
    await going.remove();
  }
});

/** The word that the run ended with, at the beginning of a text. */
const verdict = () => new RegExp(`^${run.json('summary.json').verdict}\\b`, 'i');

const open = (url, options) => View.open(person, url, options);

/** A time as reports write it: three figures and a unit. */
function time(us) {
  if (us < 1000) return `${us} µs`;
  const [value, unit] = us < 999_500 ? [us / 1e3, 'ms'] : [us / 1e6, 's'];
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
}
