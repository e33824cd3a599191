// What the tests of pages stand on: a run of gander, and a browser's view of a page.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The binary that is tested, unless `GANDER` names one. */
export const BUILT = fileURLToPath(new URL('../../target/debug/gander', import.meta.url));
const AXE = readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** A run in a folder of its own. `said` grows as it speaks. */
export class Run {
  said = '';
  #folder = mkdtempSync(join(tmpdir(), 'gander-page-'));
  #hears = new Set();
  #child;
  #kill = () => {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };

  constructor(...args) {
    this.dir = join(this.#folder, 'run');
    this.#child = spawn(process.env.GANDER ?? BUILT, ['run', '--out', this.dir, '--seed', '1', ...args], {
      cwd: this.#folder,
      env: { PATH: process.env.PATH, HOME: this.#folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    process.once('exit', this.#kill);
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.said += text;
      for (const hear of this.#hears) hear();
    });
    this.ended = once(this.#child, 'close').then(([code]) => code);
  }

  /** What it says by a pattern, as soon as it does. */
  async says(pattern) {
    const heard = new Promise((resolve) => {
      const hear = () => {
        const found = this.said.match(pattern);
        if (!found) return;
        this.#hears.delete(hear);
        resolve(found);
      };
      this.#hears.add(hear);
      hear();
    });
    const over = this.ended.then((code) => {
      throw new Error(`gander ended with ${code} and never said ${pattern}:\n${this.said}`);
    });
    over.catch(() => {});
    return Promise.race([heard, over]);
  }

  get page() {
    return `file://${join(this.dir, 'report.html')}`;
  }

  json(name) {
    return JSON.parse(readFileSync(join(this.dir, name), 'utf8'));
  }

  bytes(name) {
    return readFileSync(join(this.dir, name)).length;
  }

  async remove() {
    this.#child.kill('SIGKILL');
    await this.ended;
    process.removeListener('exit', this.#kill);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A page as somebody sees it, and what it complained of. */
export class View {
  complaints = [];

  /** `width` in pixels, `scheme` light or dark, with or without `script`; `offline` cuts the network. */
  static async open(person, url, { width = 1280, scheme = 'light', script = true, offline = true } = {}) {
    const view = new View();
    view.tab = await person.tab(url, async (tab) => {
      const complain = (text) => view.complaints.push(text);
      tab.on('Runtime.exceptionThrown', ({ exceptionDetails: thrown }) =>
        complain(thrown.exception?.description ?? thrown.text),
      );
      tab.on('Runtime.consoleAPICalled', ({ type, args }) => {
        if (['error', 'warning', 'assert'].includes(type)) complain(args.map((arg) => arg.value).join(' '));
      });
      tab.on('Log.entryAdded', ({ entry }) => {
        if (['error', 'warning'].includes(entry.level)) complain(`${entry.text} ${entry.url ?? ''}`);
      });
      await tab.send('Runtime.enable');
      await tab.send('Log.enable');
      await tab.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false });
      await tab.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
      await tab.send('Emulation.setScriptExecutionDisabled', { value: !script });
      if (offline) {
        await tab.send('Network.enable');
        await tab.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: 0, uploadThroughput: 0 });
      }
    });
    return view;
  }

  evaluate(expression) {
    return this.tab.evaluate(expression);
  }

  /** Resolves as soon as an expression is true in the page, looked at whenever the page changes. */
  until(expression) {
    return this.evaluate(`new Promise((resolve) => {
      const look = () => { if (${expression}) { watcher.disconnect(); resolve(true); } };
      const watcher = new MutationObserver(look);
      watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      look();
    })`);
  }

  /** How far the page is wider than its window. */
  overflow() {
    return this.evaluate('document.scrollingElement.scrollWidth - document.documentElement.clientWidth');
  }

  /** Moves the mouse to a place of the window. */
  async hover(x, y) {
    await this.tab.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
  }

  async press(key) {
    for (const type of ['keyDown', 'keyUp']) await this.tab.send('Input.dispatchKeyEvent', { type, key, code: key });
  }

  /** The problems that axe-core calls serious or worse, a line each. */
  async problems() {
    await this.tab.evaluate(`${AXE}; undefined`, 'axe-core');
    const found = await this.tab.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, at: nodes.slice(0, 3).map(({ target }) => target.join(' ')) })))`);
    return found
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, at }) => `${id}: ${help} (${at.join(', ')})`);
  }
}
