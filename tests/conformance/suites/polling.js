// Pages that wait by themselves.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World } from '../support/app.js';
import { PASSWORD, at } from '../support/form.js';

const ADDRESS = 'patient@example.org';
const FIELD = 'pollingField';

describe('polling', () => {
  let world;
  before(async () => {
    world = await World.open('[polling]\ninterval = "10ms"\nretries = 5');
    await world.tenant.user(ADDRESS, PASSWORD);
  });
  after(() => world?.close());

  async function waiting(policy, tenant = world) {
    const app = await tenant.visitor();
    await app.start({ acr_values: tenant.tenant.ready.policies[policy] });
    const node = await app.submit({ username: ADDRESS, password: PASSWORD });
    const collector = node.client.collectors.find(({ type }) => type === 'PollingCollector');
    return { app, node, config: collector.output.config };
  }

  /** Polls until the form is another one or none; the statuses and nodes on the way. */
  async function poll(app) {
    const seen = [];
    for (;;) {
      const status = await app.poll(FIELD);
      const before = (await app.node()).server.id;
      const node = await app.submit({ [FIELD]: status });
      seen.push(status);
      if (node.status !== 'continue' || node.server.id !== before || seen.length > 10) return { node, seen };
    }
  }

  test('a page is polled until it lets go, and every rewind costs a retry', async () => {
    const { app, node, config } = await waiting('polling');
    assert.equal(at(node), 'continue: Please Wait');
    assert.deepEqual(config, { pollInterval: 10, pollRetries: 5, pollChallengeStatus: false, retriesRemaining: 5 });
    const status = await app.poll(FIELD);
    assert.equal(status, 'continue');
    const stayed = await app.submit({ [FIELD]: status });
    assert.equal(stayed.server.id, node.server.id);
    const left = stayed.client.collectors.find(({ name }) => name === FIELD).output.config.retriesRemaining;
    assert.equal(left, 4);
    const body = JSON.parse(app.last('/customHTMLTemplate').body);
    assert.deepEqual(body.parameters, {
      eventType: 'polling',
      data: { actionKey: '', formData: { [FIELD]: 'continue' } },
    });
    const { node: done, seen } = await poll(app);
    assert.deepEqual(seen, ['continue', 'continue']);
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);
  });

  test('a client whose retries are used up says so and is led on', async () => {
    const hasty = await World.open('[polling]\ninterval = "10ms"\nretries = 1');
    try {
      await hasty.tenant.user(ADDRESS, PASSWORD);
      const { app } = await waiting('polling', hasty);
      const { node, seen } = await poll(app);
      assert.deepEqual(seen.at(-1), 'timedOut');
      assert.equal(at(node), 'continue: Too Late');
    } finally {
      await hasty.close();
    }
  });

  test('a challenge is asked for at its own address until it is approved', async () => {
    const { app, node, config } = await waiting('challenge');
    assert.ok(node.server._links.self.href);
    assert.equal(config.pollChallengeStatus, true);
    const status = await app.poll(FIELD);
    assert.equal(status, 'approved');
    const asked = app.tab.calls.filter(({ method, url }) => method === 'POST' && url.endsWith(`/challenge/${config.challenge}/status`));
    assert.equal(asked.length, 3);
    assert.ok(asked.every((call) => call.status === 200));
    const done = await app.submit({ [FIELD]: status });
    assert.equal(done.status, 'success');
    assert.ok((await app.exchange(done)).accessToken);
  });

  test('cancelling ends the wait', async () => {
    const { app } = await waiting('challenge');
    assert.equal(at(await app.press('CANCEL')), 'continue: Sign On');
  });
});
