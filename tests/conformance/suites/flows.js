// Flows with other pages, keys, orders and fields than the stock one.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { LOGGED_OUT, OTHER_PASSWORD, PASSWORD, at, keys } from '../support/form.js';

describe('other flows', () => {
  let world;
  before(async () => void (world = await World.open()));
  after(() => world?.close());

  /** A visitor at the first page of a policy. */
  async function atPolicy(name) {
    const app = await world.visitor();
    const node = await app.start({ acr_values: world.tenant.ready.policies[name] });
    return { app, node };
  }

  /** Tokens, profile and logout after a success. */
  async function finish(app, node) {
    assert.equal(node.status, 'success');
    assert.ok((await app.exchange(node)).accessToken);
    const info = await app.oidc('info');
    assert.deepEqual(await app.oidc('logout'), LOGGED_OUT);
    return info;
  }

  test('pages of the forms editor: dotted keys, links aside, a policy that the client itself checks', async () => {
    const { app, node } = await atPolicy('forms');
    assert.equal(at(node), 'continue: Sign On');
    assert.equal(node.server.eventName, 'continue');
    assert.equal(node.client.action, 'submit');
    const types = keys(node);
    assert.equal(types['user.username'], 'TextCollector');
    assert.equal(types['user.password'], 'PasswordCollector');
    assert.equal(types.registerBtn, 'FlowCollector');

    const address = 'forms@example.org';
    const form = await app.press('registerBtn');
    assert.equal(at(form), 'continue: Create Your Profile');
    assert.equal(keys(form)['user.password'], 'ValidatedPasswordCollector');
    assert.ok((await app.validate('user.password', 'short')).length > 0, 'the client refuses it before it is sent');
    assert.deepEqual(await app.validate('user.password', PASSWORD), []);
    assert.deepEqual(await app.validate('user.email', 'no address'), ['Must be a valid email address']);
    const profile = { 'user.email': address, 'user.password': PASSWORD, 'user.name.given': 'Ada', 'user.name.family': 'Lovelace' };
    const verify = await app.submit(profile);
    assert.equal(at(verify), 'continue: Verify Your Email');
    const done = await app.submit({ verificationCode: await world.mail.code(address, 1) });
    assert.equal((await finish(app, done)).email, address);

    const later = (await atPolicy('forms')).app;
    const wrong = await later.submit({ 'user.username': address, 'user.password': OTHER_PASSWORD });
    assert.equal(at(wrong), 'error: Sign On');
    await finish(later, await later.submit({ 'user.password': PASSWORD }));
  });

  test('a password is recovered with a form of the forms editor', async () => {
    const address = 'forms-lost@example.org';
    await world.tenant.user(address, PASSWORD);
    const { app } = await atPolicy('forms');
    await app.press('forgotBtn');
    assert.equal(at(await app.submit({ 'user.username': address })), 'continue: Reset Your Password');
    const recoveryCode = await world.mail.code(address, 1);
    await finish(app, await app.submit({ recoveryCode, 'user.newPassword': OTHER_PASSWORD }));
  });

  test('an address is proved before there is an account', async () => {
    const address = 'first@example.org';
    const { app } = await atPolicy('verify-first');
    assert.equal(at(await app.press('REGISTER')), 'continue: Your Address');
    assert.equal(at(await app.submit({ 'user.email': address })), 'continue: Prove Your Address');
    assert.equal(at(await app.submit({ verificationCode: 'WRONG123' })), 'error: Prove Your Address');
    const verificationCode = await world.mail.code(address, 1);
    assert.equal(at(await app.submit({ verificationCode })), 'continue: Your Profile');
    const done = await app.submit({ 'user.name.given': 'Ada', 'user.name.family': 'Lovelace', password: PASSWORD });
    assert.equal((await finish(app, done)).email, address);
  });

  test('an agreement stands between the sign-on and its success', async () => {
    const address = 'agree@example.org';
    await world.tenant.user(address, PASSWORD);
    const { app } = await atPolicy('agreement');
    const terms = await app.submit({ username: address, password: PASSWORD });
    assert.equal(at(terms), 'continue: Terms of Service');
    const agreement = terms.client.collectors.find(({ output }) => output.type === 'AGREEMENT');
    assert.equal(agreement.type, 'ReadOnlyCollector');
    await finish(app, await app.submit());
  });

  test('both versions of a flow are drawn, and the client walks each', async () => {
    const firsts = new Set();
    for (let start = 0; start < 40 && firsts.size < 2; start += 1) {
      firsts.add(at((await atPolicy('versions')).node));
    }
    assert.deepEqual([...firsts].sort(), ['continue: Username/Password Form', 'continue: Welcome']);
  });
});
