// What every suite stands on: a tenant, a mailbox, the app's page and a browser.

import { after } from 'node:test';
import { Browser } from './browser.js';
import { Mailbox } from './mailbox.js';
import { Site } from './site.js';
import { StandIn } from './stand-in.js';

const SCOPE = 'openid profile email';

// A run that is told to end leaves through the exit, where browser and tenants are ended too.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(1));

/** Browser and page of the whole run, made when first asked for. */
let shared;

export function stage() {
  shared ??= (async () => ({ site: await Site.open(), browser: await Browser.launch() }))();
  return shared;
}

after(async () => {
  const { site, browser } = (await shared) ?? {};
  await browser?.close();
  await site?.close();
});

/** A tenant with its mail, and visitors in the run's browser. */
export class World {
  #people = [];

  /** `settings`: TOML for the stand-in besides mail and redirect URIs. */
  static async open(settings = '') {
    const world = new World();
    const { site, browser } = await stage();
    Object.assign(world, { site, browser, mail: await Mailbox.open() });
    const redirects = ['127.0.0.1', 'localhost'].map((host) => `${site.origin(host)}/callback`);
    world.tenant = await StandIn.start(
      `${settings}\n[application]\nredirect_uris = ${JSON.stringify(redirects)}\n[mail]\nsmtp = "${world.mail.address}"\n`,
    );
    return world;
  }

  /** Somebody at their own computer, with the app open. */
  async visitor(host) {
    const person = await this.browser.person();
    this.#people.push(person);
    return this.visit(person, host);
  }

  /** One more tab of somebody. */
  async visit(person, host = '127.0.0.1') {
    const origin = this.site.origin(host);
    const tab = await person.tab(`${origin}/`);
    return new App(tab, person, this.tenant, `${origin}/callback`);
  }

  async close() {
    for (const person of this.#people) await person.leave();
    await this.tenant?.stop();
    await this.mail?.close();
  }
}

/** The app in one tab, with one DaVinci client and one OIDC client. */
export class App {
  #flow;
  #oidc;
  /** What the app's middleware adds: queries by kind of request, a language, an interaction token. */
  middleware = {};

  constructor(tab, person, tenant, redirectUri) {
    this.tab = tab;
    this.person = person;
    this.config = {
      clientId: tenant.ready.client_id,
      redirectUri,
      scope: SCOPE,
      serverConfig: { wellknown: tenant.wellknown },
    };
  }

  /** Starts a flow with a client made for it. */
  async start(query) {
    this.#flow = await this.tab.call('davinci', this.config, this.middleware);
    return this.tab.call('start', this.#flow, query);
  }

  fill(values) {
    return this.tab.call('fill', this.#flow, values);
  }

  validate(key, value) {
    return this.tab.call('validate', this.#flow, key, value);
  }

  /** Presses the form's submit button after filling it in. */
  async submit(values = {}) {
    const against = await this.fill(values);
    if (Object.keys(against).length > 0) throw new Error(JSON.stringify(against));
    return this.tab.call('next', this.#flow);
  }

  /** Presses another button. */
  press(action) {
    return this.tab.call('flow', this.#flow, action);
  }

  /** Sends a body of the app's own. */
  send(body) {
    return this.tab.call('next', this.#flow, body);
  }

  poll(key) {
    return this.tab.call('poll', this.#flow, key);
  }

  node() {
    return this.tab.call('node', this.#flow);
  }

  collectors() {
    return this.tab.call('collectors', this.#flow);
  }

  errorCollectors() {
    return this.tab.call('errorCollectors', this.#flow);
  }

  /** A call of the OIDC client. */
  async oidc(name, ...args) {
    this.#oidc ??= await this.tab.call('oidc', this.config);
    return this.tab.call(name, this.#oidc, ...args);
  }

  /** Exchanges the code of a success node. */
  exchange(node) {
    const { code, state } = node.client.authorization;
    return this.oidc('exchange', code, state);
  }

  /** The last request the page made to a path that ends so. */
  last(ending) {
    const to = ({ url }) => new URL(url).pathname.endsWith(ending);
    return this.tab.calls.filter((call) => call.method !== 'OPTIONS').findLast(to);
  }
}
