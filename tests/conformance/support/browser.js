// A headless Chromium of the test's own, spoken to over a pipe in the DevTools protocol.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

// Nothing but this machine can be resolved, no proxy is asked, and the browser's own errands are off.
const FLAGS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-first-run',
  '--no-default-browser-check',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-client-side-phishing-detection',
  '--disable-default-apps',
  '--disable-dev-shm-usage',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider,AsyncDns,CertificateTransparencyComponentUpdater,Translate,SegmentationPlatform',
  '--disable-gpu',
  '--in-process-gpu',
  '--disable-software-rasterizer',
  '--disable-sync',
  '--disable-breakpad',
  '--disable-crash-reporter',
  '--metrics-recording-only',
  '--no-pings',
  '--password-store=basic',
  '--use-mock-keychain',
];

// Cookies may cross sites where their attributes allow it; distributions switch that off.
const PREFERENCES = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };

/** Path of an installed browser; `CHROMIUM` in the environment wins. */
export function installed() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not here.
      }
    }
  }
  throw new Error('no Chromium found: install the package `chromium`, or name one in CHROMIUM');
}

export class Browser {
  #child;
  #profile;
  #last = 0;
  #waiting = new Map();
  #listeners = new Map();
  #rest = '';
  #ended;
  #kill = () => {
    this.#child.kill('SIGKILL');
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };

  static async launch() {
    const browser = new Browser();
    await browser.send('Browser.getVersion');
    return browser;
  }

  constructor() {
    this.#profile = mkdtempSync(join(tmpdir(), 'gander-conformance-'));
    mkdirSync(join(this.#profile, 'Default'));
    writeFileSync(join(this.#profile, 'Default', 'Preferences'), JSON.stringify(PREFERENCES));
    const flags = [...FLAGS, `--user-data-dir=${this.#profile}`];
    if (process.getuid?.() === 0) flags.push('--no-sandbox');
    this.#child = spawn(installed(), [...flags, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: this.#profile, XDG_CONFIG_HOME: this.#profile, XDG_CACHE_HOME: this.#profile },
    });
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#ended.then(() => this.#abandon('the browser ended'));
    this.#child.once('error', (error) => this.#abandon(error.message));
    process.once('exit', this.#kill);
    this.#child.stdio[3].on('error', () => {});
    this.#child.stdio[4].setEncoding('utf8').on('data', (text) => this.#read(text));
  }

  #abandon(why) {
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
    this.#waiting.clear();
  }

  #read(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop();
    for (const message of messages) this.#take(JSON.parse(message));
  }

  #take({ id, result, error, method, params, sessionId }) {
    if (id === undefined) {
      for (const listener of this.#listeners.get(`${sessionId ?? ''} ${method}`) ?? []) listener(params);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(`${waiting.method}: ${error.message}`));
    else waiting?.resolve(result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  on(method, sessionId, listener) {
    const key = `${sessionId ?? ''} ${method}`;
    this.#listeners.set(key, [...(this.#listeners.get(key) ?? []), listener]);
  }

  /** A person: cookies and storage of their own. */
  async person() {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    return new Person(this, browserContextId);
  }

  async close() {
    await this.send('Browser.close').catch(() => {});
    const late = setTimeout(this.#kill, 5000);
    await this.#ended;
    clearTimeout(late);
    process.removeListener('exit', this.#kill);
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** A cookie jar with storage; its tabs share them. */
export class Person {
  constructor(browser, id) {
    this.browser = browser;
    this.id = id;
  }

  /** Opens a page, after what `prepare` does with the empty tab, and waits until its script is there. */
  async tab(url, prepare = async () => {}) {
    const { browser } = this;
    const { targetId } = await browser.send('Target.createTarget', {
      url: 'about:blank',
      browserContextId: this.id,
    });
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(browser, sessionId);
    await prepare(tab);
    await tab.open(url);
    return tab;
  }

  /** Cookies by name, with their attributes. */
  async cookies() {
    const { cookies } = await this.browser.send('Storage.getCookies', { browserContextId: this.id });
    return Object.fromEntries(cookies.map((cookie) => [cookie.name, cookie]));
  }

  async dropCookies() {
    await this.browser.send('Storage.clearCookies', { browserContextId: this.id });
  }

  async leave() {
    await this.browser.send('Target.disposeBrowserContext', { browserContextId: this.id });
  }
}

/** One page; `calls` are the requests it made with their answers, in order of the requests. */
export class Tab {
  calls = [];
  #browser;
  session;

  constructor(browser, session) {
    this.#browser = browser;
    this.session = session;
  }

  /** A command of the DevTools protocol. */
  send(method, params) {
    return this.#browser.send(method, params, this.session);
  }

  /** Hears of its events. */
  on(method, listener) {
    this.#browser.on(method, this.session, listener);
  }

  async open(url) {
    const byId = new Map();
    const on = (method, listener) => this.on(method, listener);
    on('Network.requestWillBeSent', ({ requestId, request }) => {
      const call = { method: request.method, url: request.url, headers: lowered(request.headers), body: request.postData };
      byId.set(requestId, call);
      this.calls.push(call);
    });
    on('Network.responseReceived', ({ requestId, response }) => {
      const call = byId.get(requestId);
      if (call) Object.assign(call, { status: response.status, answer: lowered(response.headers) });
    });
    on('Network.loadingFailed', ({ requestId, errorText, corsErrorStatus }) => {
      const call = byId.get(requestId);
      if (call) call.failure = corsErrorStatus?.corsError ?? errorText;
    });
    await this.send('Network.enable');
    await this.send('Page.enable');
    // Tenants with TLS have certificates of their own making.
    await this.send('Security.setIgnoreCertificateErrors', { ignore: true });
    const loaded = new Promise((resolve) => on('Page.loadEventFired', resolve));
    await this.send('Page.navigate', { url });
    await loaded;
  }

  /** Calls a function of the page's `conformance` object; arguments and results are JSON. */
  async call(name, ...args) {
    return this.evaluate(`conformance.${name}(...${JSON.stringify(args)})`, name);
  }

  /** The value of an expression in the page, JSON; a promise is waited for. */
  async evaluate(expression, name = expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) {
      throw new Error(`${name}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    }
    return result.value;
  }
}

/** Headers with their names in lower case. */
function lowered(headers) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
