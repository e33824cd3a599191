// The app: it makes the vendor's clients and hands what they say to the tests, unchanged.

import { davinci } from '@forgerock/davinci-client';
import { oidc } from '@forgerock/oidc-client';

const flows = [];
const tokens = [];

/** A node without what belongs to the client alone. */
function shown(node) {
  const { cache, ...rest } = node;
  return rest;
}

function collector(flow, key) {
  const found = flow.getCollectors().find(({ name }) => name === key);
  if (!found) throw new Error(`the form has no \`${key}\``);
  return found;
}

/** An app's request middleware that adds queries by kind of request, a language, a token. */
function middleware({ start, next, language, interactionToken }) {
  return (request, action, proceed) => {
    const query = action.type === 'DAVINCI_START' ? start : next;
    for (const [name, value] of Object.entries(query ?? {})) request.url.searchParams.set(name, value);
    if (language) request.headers.set('Accept-Language', language);
    if (interactionToken && action.type !== 'DAVINCI_START') request.headers.set('interactionToken', interactionToken);
    proceed();
  };
}

globalThis.conformance = {
  /** Makes a DaVinci client; the number stands for it. */
  async davinci(config, additions) {
    const requestMiddleware = [middleware(additions)];
    return flows.push(await davinci({ config, requestMiddleware, logger: { level: 'none' } })) - 1;
  },
  async start(flow, query) {
    return shown(await flows[flow].start(query && { query }));
  },
  /** Sets collectors by their key; what the client says against it comes back by key. */
  fill(flow, values) {
    const against = {};
    for (const [key, value] of Object.entries(values)) {
      const said = flows[flow].update(collector(flows[flow], key))(value);
      if (said) against[key] = said.error;
    }
    return against;
  },
  /** What the client's own validation says to a value. */
  validate(flow, key, value) {
    return flows[flow].validate(collector(flows[flow], key))(value);
  },
  async next(flow, body) {
    return shown(await flows[flow].next(body));
  },
  async flow(flow, action) {
    return shown(await flows[flow].flow({ action })());
  },
  async poll(flow, key) {
    return flows[flow].pollStatus(collector(flows[flow], key))();
  },
  node: (flow) => shown(flows[flow].getNode()),
  collectors: (flow) => flows[flow].getCollectors(),
  errorCollectors: (flow) => flows[flow].getErrorCollectors(),

  /** Makes an OIDC client; the number stands for it. */
  async oidc(config) {
    const client = await oidc({ config, logger: { level: 'none' } });
    if ('error' in client) throw new Error(client.error);
    return tokens.push(client) - 1;
  },
  exchange: (client, code, state) => tokens[client].token.exchange(code, state),
  tokens: (client, options) => tokens[client].token.get(options),
  revoke: (client) => tokens[client].token.revoke(),
  background: (client, options) => tokens[client].authorize.background(options),
  info: (client) => tokens[client].user.info(),
  session: (client, options) => tokens[client].user.session(options),
  logout: (client) => tokens[client].user.logout(),

  /** A fetch of the page's own, as the clients would send it. */
  async fetch(url, init) {
    const reply = await fetch(url, init);
    return { status: reply.status, headers: Object.fromEntries(reply.headers), text: await reply.text() };
  },
};
