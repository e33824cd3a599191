// Sign-on, its sessions and its ends.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { LOGGED_OUT, OTHER_PASSWORD, PASSWORD, WEAK_PASSWORD, at, keys } from '../support/form.js';

describe('sign-on', () => {
  let world;
  before(async () => void (world = await World.open('lockout_failures = 3')));
  after(() => world?.close());

  /** A user of the directory and a visitor at the sign-on form. */
  async function somebody(name, options) {
    const address = `${name}@example.org`;
    const user = await world.tenant.user(address, PASSWORD, options);
    const app = await world.visitor();
    await app.start();
    return { address, user, app };
  }

  function claims(token) {
    return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  }

  test('somebody signs on, reads their profile, logs out and sees the form again', async () => {
    const { address, user, app } = await somebody('ada');
    const done = await app.submit({ username: address, password: PASSWORD });
    assert.equal(done.status, 'success');
    assert.equal(done.httpStatus, 200);
    assert.ok(done.server.session);
    const { idToken, accessToken } = await app.exchange(done);
    const { iss, aud, sub, acr } = claims(idToken);
    assert.deepEqual({ iss, aud, sub, acr }, {
      iss: `${world.tenant.ready.auth_url}/${world.tenant.ready.environment_id}/as`,
      aud: app.config.clientId,
      sub: user.id,
      acr: world.tenant.ready.policies.stock,
    });
    assert.equal((await app.oidc('tokens')).accessToken, accessToken);
    assert.equal((await app.oidc('info')).sub, user.id);

    assert.deepEqual(await app.oidc('logout'), LOGGED_OUT);
    assert.ok(app.last('/signoff').status < 300);
    assert.equal(app.last('/revoke').status, 200);
    assert.equal((await app.person.cookies()).ST, undefined);
    assert.equal(at(await app.start()), 'continue: Username/Password Form');
  });

  test('the request is what the published client sends', async () => {
    const { address, app } = await somebody('wire');
    const { server } = await app.node();
    await app.submit({ username: address, password: PASSWORD });
    const { method, url, headers, body } = app.last('/customHTMLTemplate');
    assert.equal(method, 'POST');
    assert.equal(url, server._links.next.href);
    assert.equal(headers.interactionid, server.interactionId);
    assert.equal(headers.interactiontoken, server.interactionToken);
    assert.equal(headers['x-requested-with'], 'ping-sdk');
    assert.deepEqual(JSON.parse(body), {
      id: server.id,
      eventName: 'continue',
      interactionId: server.interactionId,
      parameters: {
        eventType: 'submit',
        data: { actionKey: 'SIGNON', formData: { username: address, password: PASSWORD } },
      },
    });
  });

  test('a wrong password is an error node, and the right one signs on in the same interaction', async () => {
    const { address, app } = await somebody('twice');
    const refused = await app.submit({ username: address, password: OTHER_PASSWORD });
    assert.equal(at(refused), 'error: Username/Password Form');
    assert.equal(refused.httpStatus, 400);
    assert.equal(refused.error.type, 'davinci_error');
    assert.equal(refused.error.message.trim(), 'Invalid username and/or password');
    assert.deepEqual((await app.errorCollectors()).map(({ code, target }) => [code, target]), [['INVALID_VALUE', 'password']]);
    const done = await app.submit({ password: PASSWORD });
    assert.equal(done.status, 'success');
    assert.equal(done.error, null);
    assert.ok((await app.exchange(done)).accessToken);
  });

  test('an unknown user reads like a wrong password, without a field', async () => {
    const app = await world.visitor();
    await app.start();
    const refused = await app.submit({ username: 'nobody@example.org', password: PASSWORD });
    assert.equal(at(refused), 'error: Username/Password Form');
    assert.equal(refused.error.message.trim(), 'Invalid username and/or password');
    assert.deepEqual(await app.errorCollectors(), []);
  });

  test('a second sign-on, in another tab too, needs no form while the session lives', async () => {
    const { address, user, app } = await somebody('reuse');
    await app.submit({ username: address, password: PASSWORD });
    for (const tab of [app, await world.visit(app.person)]) {
      const done = await tab.start();
      assert.equal(done.status, 'success');
      await tab.exchange(done);
      assert.equal((await tab.oidc('info')).sub, user.id);
    }
    assert.equal(at(await app.start({ prompt: 'login' })), 'continue: Username/Password Form');
  });

  test('a code is good once, and only with the state and verifier of its start', async () => {
    const { address, app } = await somebody('code');
    const done = await app.submit({ username: address, password: PASSWORD });
    const { code, state } = done.client.authorization;
    const mismatch = await app.oidc('exchange', code, 'another-state');
    assert.match(JSON.stringify(mismatch), /state/i);
    assert.equal(mismatch.accessToken, undefined);

    const again = await app.start();
    const tokens = await app.exchange(again);
    assert.ok(tokens.accessToken);
    const twice = await app.tab.call('fetch', app.last('/token').url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: app.last('/token').body,
    });
    assert.equal(twice.status, 400);
    assert.equal(JSON.parse(twice.text).error, 'invalid_grant');
  });

  test('a revoked token opens the profile no more', async () => {
    const { address, app } = await somebody('revoked');
    const { accessToken } = await app.exchange(await app.submit({ username: address, password: PASSWORD }));
    const info = () =>
      app.tab.call('fetch', `${world.tenant.ready.auth_url}/${world.tenant.ready.environment_id}/as/userinfo`, {
        headers: { authorization: `Bearer ${accessToken}` },
      });
    assert.equal((await info()).status, 200);
    const revoked = await app.oidc('revoke');
    assert.equal(revoked.error, undefined, JSON.stringify(revoked));
    assert.equal((await info()).status, 401);
  });

  test('an expired password is changed on the way in', async () => {
    const { address, app } = await somebody('expired', { forceChange: true });
    const form = await app.submit({ username: address, password: PASSWORD });
    assert.equal(at(form), 'continue: Change Password Form');
    assert.deepEqual(keys(form), {
      currentPassword: 'PasswordCollector',
      newPassword: 'PasswordCollector',
      verifyNewPassword: 'PasswordCollector',
      UPDATE: 'SubmitCollector',
      CANCEL: 'FlowCollector',
    });
    const change = (currentPassword, newPassword, verifyNewPassword = newPassword) =>
      app.submit({ currentPassword, newPassword, verifyNewPassword });
    assert.equal(at(await change(PASSWORD, OTHER_PASSWORD, PASSWORD)), 'error: Change Password Form');
    assert.equal(at(await change(OTHER_PASSWORD, OTHER_PASSWORD)), 'error: Change Password Form');
    const weak = await change(PASSWORD, WEAK_PASSWORD);
    assert.equal(at(weak), 'error: Change Password Form');
    assert.equal(weak.error.code, 'newPasswordNotValid');
    assert.equal(at(await change(PASSWORD, OTHER_PASSWORD)), 'continue: Password Reset Success');
    assert.equal((await app.submit()).status, 'success');

    const later = await world.visitor();
    await later.start();
    assert.equal((await later.submit({ username: address, password: OTHER_PASSWORD })).status, 'success');
  });

  test('a locked account is a page that leads back, and an unlocked one signs on', async () => {
    const { address, user, app } = await somebody('locked');
    for (let failure = 1; failure <= 3; failure += 1) {
      assert.equal((await app.submit({ username: address, password: OTHER_PASSWORD })).status, 'error');
    }
    const locked = await app.submit({ username: address, password: PASSWORD });
    assert.equal(at(locked), 'continue: Account Locked Message');
    assert.deepEqual(keys(locked), { BACK: 'FlowCollector' });
    assert.equal(at(await app.press('BACK')), 'continue: Username/Password Form');
    await world.tenant.manage('POST', `/users/${user.id}`, { type: 'application/vnd.pingidentity.account.unlock+json' });
    assert.equal((await app.submit({ username: address, password: PASSWORD })).status, 'success');
  });

  test('tokens are renewed in the background while the session lives, and not after', async () => {
    const { address, app } = await somebody('background');
    await app.exchange(await app.submit({ username: address, password: PASSWORD }));
    const code = await app.oidc('background');
    assert.ok(code.code && code.state, JSON.stringify(code));
    const renewed = await app.oidc('tokens', { forceRenew: true, backgroundRenew: true });
    assert.ok(renewed.accessToken, JSON.stringify(renewed));
    await app.oidc('logout');
    const refused = await app.oidc('background');
    assert.equal(refused.type, 'auth_error');
    assert.equal(refused.error, 'LOGIN_REQUIRED', JSON.stringify(refused));
    assert.ok(refused.redirectUrl, 'the app is sent to the sign-on page');
  });

  test('a pushed request stands for its parameters', async () => {
    const { address, app } = await somebody('pushed');
    await app.submit({ username: address, password: PASSWORD });
    app.config.par = true;
    const { code, state, ...wrong } = await app.oidc('background', { responseMode: 'pi.flow' });
    assert.ok(code && state, JSON.stringify(wrong));
    assert.equal(app.last('/as/par').status, 201);
    const query = new URL(app.last('/as/authorize').url).searchParams;
    assert.deepEqual([...query.keys()].sort(), ['client_id', 'prompt', 'request_uri']);
    assert.ok((await app.oidc('exchange', code, state)).accessToken);
  });
});
