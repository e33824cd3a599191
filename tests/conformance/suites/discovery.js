// What the clients read and what the browser checks before a flow starts.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { at, keys } from '../support/form.js';

describe('before a flow', () => {
  let world;
  before(async () => void (world = await World.open()));
  after(() => world?.close());

  test('discovery names every endpoint that the clients look for, absolute', async () => {
    const app = await world.visitor();
    const { status, text } = await app.tab.call('fetch', world.tenant.wellknown);
    assert.equal(status, 200);
    const found = JSON.parse(text);
    const endpoints = ['issuer', 'authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri',
      'end_session_endpoint', 'revocation_endpoint', 'introspection_endpoint'];
    for (const name of endpoints) assert.equal(new URL(found[name]).origin, world.tenant.ready.auth_url, name);
    assert.ok(found.response_modes_supported.includes('pi.flow'));
    assert.ok(found.code_challenge_methods_supported.includes('S256'));
  });

  test('the first page is the sign-on form with its fields and buttons', async () => {
    const app = await world.visitor();
    const node = await app.start();
    assert.equal(at(node), 'continue: Username/Password Form');
    assert.equal(node.httpStatus, 200);
    assert.equal(node.client.action, 'SIGNON');
    assert.equal(node.error, null);
    assert.deepEqual(keys(node), {
      username: 'TextCollector',
      password: 'PasswordCollector',
      SIGNON: 'SubmitCollector',
      REGISTER: 'FlowCollector',
      TROUBLE: 'FlowCollector',
    });
    assert.ok(node.client.collectors.every(({ error }) => error === null));
    for (const member of ['id', 'interactionId', 'interactionToken']) assert.ok(node.server[member], member);
  });

  test('the browser asks first for what is not simple, and gets the app\'s origin named, never a star', async () => {
    const app = await world.visitor();
    await app.start();
    await app.press('REGISTER');
    const origin = new URL(app.config.redirectUri).origin;
    for (const path of ['/as/authorize', '/capabilities/customHTMLTemplate']) {
      const calls = app.tab.calls.filter((call) => new URL(call.url).pathname.endsWith(path));
      assert.deepEqual(calls.map(({ method }) => method === 'OPTIONS').sort(), [false, true], path);
      for (const { status, answer } of calls) {
        assert.ok(status >= 200 && status < 300);
        assert.equal(answer['access-control-allow-origin'], origin);
        assert.equal(answer['access-control-allow-credentials'], 'true');
        assert.match(answer.vary ?? '', /origin/i);
      }
    }
  });

  test('an unknown client id or redirect URI is a failed fetch, as the client explains it', async () => {
    for (const wrong of [{ clientId: '00000000-0000-4000-8000-000000000000' }, { redirectUri: 'http://127.0.0.1:1/elsewhere' }]) {
      const app = await world.visitor();
      Object.assign(app.config, wrong);
      const node = await app.start();
      assert.equal(node.status, 'failure');
      assert.equal(node.error.code, 'FETCH_ERROR');
      assert.match(node.error.message, /Client ID/);
    }
  });

  test('an environment that is not there fails the making of a client', async () => {
    const app = await world.visitor();
    app.config.serverConfig = { wellknown: world.tenant.wellknown.replace(world.tenant.ready.environment_id, 'nowhere') };
    await assert.rejects(app.start());
  });

  test('unknown parameters of an app are let through, on authorize and on every link', async () => {
    const app = await world.visitor();
    app.middleware = { start: { start: 'true' }, next: { next: 'true' }, language: 'zz-ZZ' };
    assert.equal(at(await app.start({ custom: 'value', list: ['a', 'b'] })), 'continue: Username/Password Form');
    assert.match(app.last('/as/authorize').url, /[?&]custom=value&list=a%2Cb&start=true/);
    assert.equal(at(await app.press('REGISTER')), 'continue: Registration Form');
    assert.match(app.last('/customHTMLTemplate').url, /\?next=true$/);
    assert.equal(app.last('/customHTMLTemplate').headers['accept-language'], 'zz-ZZ');
  });
});
