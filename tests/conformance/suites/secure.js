// Over TLS, from another site: cookies that cross sites, as on a real tenant.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { LOGGED_OUT, at, person } from '../support/form.js';

describe('over TLS', () => {
  let world;
  before(async () => void (world = await World.open('tls = true')));
  after(() => world?.close());

  test('a flow of another site has its cookies, its session and its end', async () => {
    const address = 'tls@example.org';
    const app = await world.visitor('localhost');
    assert.equal(new URL(world.tenant.ready.auth_url).protocol, 'https:');
    assert.equal(at(await app.start()), 'continue: Username/Password Form');
    const cookies = await app.person.cookies();
    for (const name of ['interactionId', 'interactionToken']) {
      const { httpOnly, secure, sameSite, path } = cookies[name];
      assert.deepEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: 'None', path: '/' });
    }
    await app.press('REGISTER');
    await app.submit(person(address));
    await app.submit({ passcode: await world.mail.code(address, 1) });
    const done = await app.submit();
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);
    assert.equal((await app.start()).status, 'success', 'the session crosses the sites');
    assert.deepEqual(await app.oidc('logout'), LOGGED_OUT);
    assert.equal(at(await app.start()), 'continue: Username/Password Form');
  });
});
