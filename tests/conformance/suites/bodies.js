// The fixtures of genuine bodies are what the published client sends.
// `RECORD=1 node --test suites/bodies.js` writes them anew.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { App, stage } from '../support/app.js';
import { FORMS, page } from '../support/forms.js';

const FOLDER = new URL('../../fixtures/genuine/', import.meta.url);
const LOCK = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const VERSION = LOCK.packages['node_modules/@forgerock/davinci-client'].version;

describe('the fixtures of genuine bodies', () => {
  let browser;
  let site;
  before(async () => void ({ browser, site } = await stage()));

  /** An app whose tenant is the page server itself, which shows one form and notes what comes. */
  async function at(name, form, sent) {
    const tenant = `${site.origin()}/tenant`;
    site.answers.set('/tenant/as/.well-known/openid-configuration', {
      issuer: `${tenant}/as`,
      authorization_endpoint: `${tenant}/as/authorize`,
      token_endpoint: `${tenant}/as/token`,
    });
    const shown = page(name, form, `${tenant}/next`);
    site.answers.set('/tenant/as/authorize', shown);
    site.answers.set('/tenant/next', (body) => {
      sent.push(JSON.parse(body));
      return shown;
    });
    const person = await browser.person();
    const tab = await person.tab(`${site.origin()}/`);
    const ready = { client_id: 'client' };
    const wellknown = `${tenant}/as/.well-known/openid-configuration`;
    return new App(tab, person, { ready, wellknown }, `${site.origin()}/callback`);
  }

  for (const [name, form] of Object.entries(FORMS)) {
    test(`the ${name} fixture holds the published client's bodies`, async () => {
      const sent = [];
      const app = await at(name, form, sent);
      const submits = form.fields.filter(({ type }) => type === 'SUBMIT_BUTTON').map(({ key }) => key);
      for (const { set, press } of form.done) {
        await app.start();
        if (press === null || submits.includes(press)) {
          const node = await app.submit(set);
          assert.equal(node.status, 'continue');
        } else {
          assert.deepEqual(await app.fill(set), {});
          await app.press(press);
        }
      }
      const known = {
        client: `@forgerock/davinci-client ${VERSION}`,
        reply: page(name, form, 'https://auth.example.com/next'),
        sent: form.done.map((done, index) => ({ ...done, body: sent[index] })),
      };
      const path = fileURLToPath(new URL(`${name}.json`, FOLDER));
      if (process.env.RECORD) writeFileSync(path, `${JSON.stringify(known, null, 2)}\n`);
      assert.deepEqual(known, JSON.parse(readFileSync(path, 'utf8')));
    });
  }
});
