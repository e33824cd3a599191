// Registration, with everything that can be refused on the way.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { LOGGED_OUT, PASSWORD, WEAK_PASSWORD, at, keys, person } from '../support/form.js';

describe('registration', () => {
  let world;
  before(async () => void (world = await World.open()));
  after(() => world?.close());

  /** A fresh visitor at the registration form. */
  async function atForm() {
    const app = await world.visitor();
    await app.start();
    assert.equal(at(await app.press('REGISTER')), 'continue: Registration Form');
    return app;
  }

  test('somebody registers with the code of the mail, gets tokens and logs out', async () => {
    const app = await atForm();
    const address = 'register@example.org';
    assert.deepEqual(keys(await app.node()), {
      email: 'TextCollector',
      password: 'PasswordCollector',
      givenName: 'TextCollector',
      familyName: 'TextCollector',
      REGISTER: 'SubmitCollector',
      CANCEL: 'FlowCollector',
    });
    assert.equal(at(await app.submit(person(address))), 'continue: Verification Code Form');
    const code = await world.mail.code(address, 1);
    assert.match(code, /^[A-Za-z0-9]{8}$/);
    assert.equal(at(await app.submit({ passcode: code })), 'continue: Registration Complete');
    const done = await app.submit();
    assert.equal(done.status, 'success');

    const tokens = await app.exchange(done);
    assert.ok(tokens.accessToken && tokens.idToken, JSON.stringify(tokens));
    const { email, given_name, family_name } = await app.oidc('info');
    assert.deepEqual({ email, given_name, family_name }, { email: address, given_name: 'Ada', family_name: 'Lovelace' });
    assert.deepEqual(await app.oidc('logout'), LOGGED_OUT);
  });

  test('a wrong code is an error node that keeps the form; the code asked for again is good', async () => {
    const app = await atForm();
    const address = 'again@example.org';
    await app.submit(person(address));
    const first = await world.mail.code(address, 1);
    const before = (await app.node()).server;

    const refused = await app.submit({ passcode: 'WRONG123' });
    assert.equal(at(refused), 'error: Verification Code Form');
    assert.equal(refused.httpStatus, 400);
    assert.equal(refused.error.message, 'Invalid verification code');
    assert.equal(refused.error.internalHttpStatus, 400);
    assert.deepEqual({ ...refused.server, status: '' }, { ...before, status: '' }, 'link, id and token stay');

    assert.equal(at(await app.press('RESEND')), 'continue: Verification Code Form');
    const second = await world.mail.code(address, 2);
    assert.notEqual(second, first);
    assert.equal(at(await app.submit({ passcode: second })), 'continue: Registration Complete');
  });

  test('an address that is taken is refused, and another one is taken in the same form', async () => {
    const taken = 'taken@example.org';
    await world.tenant.user(taken, PASSWORD);
    const app = await atForm();
    const refused = await app.submit(person(taken));
    assert.equal(at(refused), 'error: Registration Form');
    assert.equal(refused.error.code, 'uniquenessViolation');
    assert.deepEqual(await app.errorCollectors(), [
      { code: 'UNIQUENESS_VIOLATION', message: 'is unique but a non-unique value is provided', target: 'username' },
    ]);
    assert.equal(at(await app.submit({ email: 'free@example.org' })), 'continue: Verification Code Form');
  });

  test('a weak password and a malformed address are reported by field', async () => {
    const app = await atForm();
    const weak = await app.submit(person('weak@example.org', WEAK_PASSWORD));
    assert.equal(at(weak), 'error: Registration Form');
    assert.equal(weak.error.code, 'invalidValue');
    assert.deepEqual((await app.errorCollectors()).map(({ code, target }) => [code, target]), [['INVALID_VALUE', 'password']]);
    const malformed = await app.submit(person('no address'));
    assert.deepEqual((await app.errorCollectors()).map(({ code, target }) => [code, target]), [['INVALID_VALUE', 'email']]);
    assert.match(malformed.error.message, /well-formed/);
    const empty = await app.submit({ email: '' });
    assert.equal(empty.error.message, 'Enter a valid email address');
  });

  test('cancelling leads back to the sign-on form', async () => {
    const app = await atForm();
    assert.equal(at(await app.press('CANCEL')), 'continue: Username/Password Form');
    assert.deepEqual(JSON.parse(app.last('/customHTMLTemplate').body).parameters, {
      eventType: 'action',
      data: { actionKey: 'CANCEL' },
    });
  });
});
