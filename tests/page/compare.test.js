// The page of a comparison of two variants of a real run, in a real browser.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser } from '../conformance/support/browser.js';
import { BUILT, Run, View } from './support.js';

// Two flows side by side: one has pages that the other does not.
const BESIDE = [
  '--rate', '30/s', '--duration', '10s', '--warm-up', '1s', '-j', 'sign-on=3,register=1',
  '--variant', 'v1=stock', '--variant', 'v2=verify-first',
  '--set', 'stand_in.delay=[{ delay = "lognormal 15ms 0.4" }]',
];

const VIEWS = [1280, 400].flatMap((width) => ['light', 'dark'].map((scheme) => ({ width, scheme })));

let browser;
let person;
let run;
let file;
let found;

before(async () => {
  run = new Run(...BESIDE);
  [browser] = await Promise.all([Browser.launch(), run.ended]);
  person = await browser.person();
  assert.ok([0, 4, 5].includes(await run.ended), run.said);
  file = join(run.dir, 'comparison.html');
  const gander = process.env.GANDER ?? BUILT;
  const compared = spawnSync(gander, ['compare', run.dir, '--json', '--html', file], { encoding: 'utf8' });
  assert.ok([0, 4].includes(compared.status), compared.stderr);
  found = JSON.parse(compared.stdout);
});

after(async () => {
  await browser?.close();
  await run?.remove();
});

for (const view of VIEWS) {
  test(`the comparison reads at ${view.width} pixels, ${view.scheme}, without a network`, async () => {
    const page = await open(view);
    assert.deepEqual(page.complaints, []);
    assert.deepEqual(page.tab.calls.map(({ url }) => url), [`file://${file}`], 'nothing but the file is asked for');
    assert.equal(await page.overflow(), 0, 'the page is as wide as its window');
    assert.deepEqual(await page.problems(), []);
  });
}

test('the verdict is the biggest thing on the first screen, and the one of the data', async () => {
  const page = await open();
  const biggest = await page.evaluate(`(() => {
    const sizes = [...document.querySelectorAll('body *')]
      .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
      .filter((one) => { const box = one.getBoundingClientRect(); return box.height > 0 && box.top < innerHeight; })
      .map((one) => ({ size: parseFloat(getComputedStyle(one).fontSize), text: one.textContent.trim() }));
    return sizes.reduce((a, b) => (b.size > a.size ? b : a)).text;
  })()`);
  assert.equal(biggest.toLowerCase().replace(' ', '-'), found.verdict);
});

test('there is a branch for each change, and both sides lie over one another', async () => {
  const page = await open({ script: false });
  const drawn = await page.evaluate(`({
    branches: document.querySelectorAll('figure[id^="figure-forest"] circle').length,
    sides: [...document.querySelectorAll('figure[id^="figure-spectrum"]')].map((figure) => figure.querySelectorAll('[data-series]:not(li)').length),
    unsaid: [...document.querySelectorAll('svg')].filter((svg) => !svg.getAttribute('aria-label')).length,
  })`);
  const drawable = found.journeys.flatMap(({ changes }) => changes).filter(({ low, high, change }) => low !== null && high !== null && change !== null);
  assert.equal(drawn.branches, drawable.length);
  assert.deepEqual(drawn.sides, found.journeys.map(() => 2));
  assert.equal(drawn.unsaid, 0);
});

test('the file is below a megabyte', () => {
  assert.ok(statSync(file).size < 1_000_000);
});

const open = (options) => View.open(person, `file://${file}`, options);
