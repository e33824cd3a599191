// The stock flow: register, sign on, token, userinfo, log out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { World } from '../support/app.js';
import { keys } from '../support/form.js';

let world;
before(async () => void (world = await World.open()));
after(() => world?.close());

test('the first page is the sign-on form with its fields and buttons', async () => {
  const app = await world.visitor();
  const node = await app.start();
  assert.equal(node.status, 'continue');
  assert.equal(node.httpStatus, 200);
  assert.equal(node.client.name, 'Username/Password Form');
  assert.equal(node.client.action, 'SIGNON');
  assert.deepEqual(keys(node), {
    username: 'TextCollector',
    password: 'PasswordCollector',
    SIGNON: 'SubmitCollector',
    REGISTER: 'FlowCollector',
    TROUBLE: 'FlowCollector',
  });
});

test('somebody registers with the code of the mail and logs out', async () => {
  const app = await world.visitor();
  const address = 'register@example.org';
  await app.start();
  assert.equal((await app.press('REGISTER')).client.name, 'Registration Form');
  const form = { email: address, password: 'Tr0ub4dor&3x!', givenName: 'Ada', familyName: 'Lovelace' };
  assert.equal((await app.submit(form)).client.name, 'Verification Code Form');
  const verified = await app.submit({ passcode: await world.mail.code(address, 1) });
  assert.equal(verified.client.name, 'Registration Complete');
  const done = await app.submit();
  assert.equal(done.status, 'success');

  const tokens = await app.exchange(done);
  assert.ok(tokens.accessToken && tokens.idToken, JSON.stringify(tokens));
  const info = await app.oidc('info');
  assert.equal(info.email, address);
  const out = await app.oidc('logout');
  assert.deepEqual(out, { sessionResponse: null, revokeResponse: null, deleteResponse: null });
});

test('somebody signs on, reads their profile, logs out and sees the form again', async () => {
  const address = 'signon@example.org';
  const user = await world.tenant.user(address, 'Tr0ub4dor&3x!');
  const app = await world.visitor();
  await app.start();
  const done = await app.submit({ username: address, password: 'Tr0ub4dor&3x!' });
  assert.equal(done.status, 'success');
  assert.ok(done.server.session);
  await app.exchange(done);
  assert.equal((await app.oidc('info')).sub, user.id);

  assert.equal((await app.start()).status, 'success', 'a live session needs no form');
  const out = await app.oidc('logout');
  assert.deepEqual(out, { sessionResponse: null, revokeResponse: null, deleteResponse: null });
  assert.equal(app.last('/signoff').status < 300, true);
  assert.equal(app.last('/revoke').status, 200);
  assert.equal((await app.start()).client.name, 'Username/Password Form');
});
