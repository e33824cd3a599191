// Whose interaction it is, and how one ends early.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { PASSWORD, at, person } from '../support/form.js';

describe('interactions', () => {
  let world;
  before(async () => void (world = await World.open()));
  after(() => world?.close());

  test('two interactions of one browser at once do not mix', async () => {
    const one = await world.visitor();
    const two = await world.visit(one.person);
    const [first, second] = [await one.start(), await two.start()];
    assert.notEqual(first.server.interactionId, second.server.interactionId);
    await one.press('REGISTER');
    assert.equal(at(await two.press('TROUBLE')), 'continue: User Identifier Form');
    assert.equal(at(await one.submit(person('first@example.org'))), 'continue: Verification Code Form');
    assert.equal(at(await two.submit({ username: 'nobody@example.org' })), 'continue: Password Recovery Form');
    const code = await world.mail.code('first@example.org', 1);
    assert.equal(at(await one.submit({ passcode: code })), 'continue: Registration Complete');
    assert.equal((await one.submit()).status, 'success');
    assert.equal(at(await two.press('CANCEL')), 'continue: Username/Password Form');
  });

  test('the headers are proof enough where the browser keeps no cookies', async () => {
    await world.tenant.user('cookieless@example.org', PASSWORD);
    const app = await world.visitor();
    await app.start();
    await app.person.dropCookies();
    const done = await app.submit({ username: 'cookieless@example.org', password: PASSWORD });
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);
  });

  test('from another site, where plain HTTP keeps no cookies, a flow still ends in tokens', async () => {
    await world.tenant.user('cross-site@example.org', PASSWORD);
    const app = await world.visitor('localhost');
    assert.equal(at(await app.start()), 'continue: Username/Password Form');
    const done = await app.submit({ username: 'cross-site@example.org', password: PASSWORD });
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);
  });

  test('a cookie alone is proof enough, as for a client that sends no headers', async () => {
    const app = await world.visitor();
    const { server } = await app.start();
    const reply = await app.tab.call('fetch', server._links.next.href, {
      method: 'POST',
      credentials: 'include',
      headers: { 'content-type': 'application/json', 'x-requested-with': 'ping-sdk' },
      body: JSON.stringify({ id: server.id, eventName: 'continue', parameters: { eventType: 'action', data: { actionKey: 'REGISTER' } } }),
    });
    assert.equal(reply.status, 200);
    assert.equal(JSON.parse(reply.text).form.name, 'Registration Form');
  });

  test('a finished interaction is nobody\'s: the client is told to start again', async () => {
    await world.tenant.user('finished@example.org', PASSWORD);
    const app = await world.visitor();
    app.middleware = { interactionToken: 'f'.repeat(256) };
    await app.start();
    await app.person.dropCookies();
    const node = await app.submit({ username: 'finished@example.org', password: PASSWORD });
    assert.equal(node.status, 'failure');
    assert.equal(node.httpStatus, 401);
    assert.equal(node.error.code, 1999);
    assert.equal(node.error.message, 'Unauthorized!');
  });

  test('an interaction that took too long is a failure that says so', async () => {
    const impatient = await World.open('[limits]\ninteraction_timeout = "1ms"');
    try {
      const app = await impatient.visitor();
      await app.start();
      const node = await app.press('REGISTER');
      assert.equal(node.status, 'failure');
      assert.equal(node.error.code, 'requestTimedOut');
      assert.equal(node.httpStatus, 400);
    } finally {
      await impatient.close();
    }
  });

  test('a node that ran too often fails the flow', async () => {
    const strict = await World.open('[limits]\nnode_runs = 2');
    try {
      const app = await strict.visitor();
      await app.start();
      const wrong = { username: 'nobody@example.org', password: PASSWORD };
      assert.equal((await app.submit(wrong)).status, 'error');
      assert.equal((await app.submit(wrong)).status, 'error');
      const node = await app.submit(wrong);
      assert.equal(node.status, 'failure');
      assert.equal(node.httpStatus, 200);
      assert.ok(node.error.code);
    } finally {
      await strict.close();
    }
  });
});
