// A forgotten password.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { OTHER_PASSWORD, PASSWORD, WEAK_PASSWORD, at, keys } from '../support/form.js';

describe('recovery', () => {
  let world;
  before(async () => void (world = await World.open()));
  after(() => world?.close());

  /** A visitor at the recovery form of an address. */
  async function recovering(address) {
    const app = await world.visitor();
    await app.start();
    assert.equal(at(await app.press('TROUBLE')), 'continue: User Identifier Form');
    assert.equal(at(await app.submit({ username: address })), 'continue: Password Recovery Form');
    return app;
  }

  test('a new password is set with the code of the mail and signs on from then on', async () => {
    const address = 'forgot@example.org';
    await world.tenant.user(address, PASSWORD);
    const app = await recovering(address);
    assert.deepEqual(keys(await app.node()), {
      recoveryCode: 'TextCollector',
      newPassword: 'PasswordCollector',
      verifyNewPassword: 'PasswordCollector',
      UPDATE: 'SubmitCollector',
      RESEND: 'FlowCollector',
      CANCEL: 'FlowCollector',
    });
    const update = (recoveryCode, newPassword, verifyNewPassword = newPassword) =>
      app.submit({ recoveryCode, newPassword, verifyNewPassword });
    const first = await world.mail.code(address, 1);

    const mismatch = await update(first, OTHER_PASSWORD, PASSWORD);
    assert.equal(at(mismatch), 'error: Password Recovery Form');
    assert.equal(mismatch.error.message, 'Passwords do not match.');
    const wrong = await update('WRONG123', OTHER_PASSWORD);
    assert.equal(at(wrong), 'error: Password Recovery Form');
    assert.match(wrong.error.message, /recovery code/i);
    const weak = await update(first, WEAK_PASSWORD);
    assert.equal(weak.error.code, 'newPasswordNotValid');
    assert.equal((await app.errorCollectors()).length, 1);

    assert.equal(at(await app.press('RESEND')), 'continue: Password Recovery Form');
    const second = await world.mail.code(address, 2);
    assert.equal(at(await update(second.toLowerCase(), OTHER_PASSWORD)), 'continue: Password Reset Success');
    const done = await app.submit();
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);

    const later = await world.visitor();
    await later.start();
    assert.equal((await later.submit({ username: address, password: PASSWORD })).status, 'error');
    assert.equal((await later.submit({ password: OTHER_PASSWORD })).status, 'success');
  });

  test('an unknown user gets the same form, and no code is good', async () => {
    const app = await recovering('nobody@example.org');
    const values = { recoveryCode: 'ABCD1234', newPassword: OTHER_PASSWORD, verifyNewPassword: OTHER_PASSWORD };
    assert.equal(at(await app.submit(values)), 'error: Password Recovery Form');
  });

  test('cancelling leads back from both forms', async () => {
    const app = await recovering('nobody@example.org');
    assert.equal(at(await app.press('CANCEL')), 'continue: Username/Password Form');
    await app.press('TROUBLE');
    assert.equal(at(await app.press('CANCEL')), 'continue: Username/Password Form');
  });
});
