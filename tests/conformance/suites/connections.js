// gander's connections against what others wrote: HTTP/2 of Node's server, and tinyproxy.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Front } from '../support/front.js';
import { signOns } from '../support/gander.js';
import { freePort } from '../support/port.js';
import { PASSWORD, TinyProxy } from '../support/proxy.js';
import { StandIn } from '../support/stand-in.js';

const USERS = 8;
const ITERATIONS = 40;
/** Start, credentials, token; the calls of the management API speak HTTP/1.1. */
const STEPS = 3;

const samples = (summary, kind) => summary.series.find((series) => series.kind === kind)?.samples ?? 0;

function assertGood({ said, summary }) {
  assert.equal(summary.verdict, 'pass', said);
  assert.equal(summary.journeys[0].completed, ITERATIONS, said);
}

describe('connections', () => {
  let front, behind, proxy, plain;
  before(async () => {
    front = await Front.open({ settings: { maxConcurrentStreams: 3 } });
    const listen = `127.0.0.1:${await freePort()}`;
    behind = await StandIn.start(`public_url = "${front.origin}"\n`, listen);
    front.before(`http://${listen}`);
    plain = await StandIn.start('');
    proxy = await TinyProxy.open();
  });
  after(async () => {
    await proxy?.close();
    await plain?.stop();
    await behind?.stop();
    await front?.close();
  });

  for (const [connections, expected] of [
    ['per-iteration', (count) => count === ITERATIONS],
    ['per-user', (count) => count === USERS],
    ['shared', (count) => count >= 1 && count <= 3],
  ]) {
    test(`${connections}: HTTP/2 as the server chooses it`, async () => {
      front.begin();
      const http = `ca_file = "${front.certificate}"\nconnections = "${connections}"`;
      const run = await signOns(behind.ready, http);
      assertGood(run);
      const opened = samples(run.summary, 'connect');
      assert.ok(expected(opened), `${opened} connections opened`);
      for (const part of ['connect-name', 'connect-tcp', 'connect-tls']) {
        assert.equal(samples(run.summary, part), opened, part);
      }
      assert.equal(front.requests['2.0'], STEPS * ITERATIONS, JSON.stringify(front.requests));
    });
  }

  test('HTTP/1.1 where nothing else is wanted', async () => {
    front.begin();
    assertGood(await signOns(behind.ready, `ca_file = "${front.certificate}"\nversion = "1.1"`));
    assert.equal(front.requests['2.0'], undefined);
  });

  test('a proxy with a password, for TLS and for plain HTTP', async () => {
    const way = `proxy = "http://me:\${PROXY_PASSWORD}@${proxy.address}"\nconnections = "per-user"`;
    const secrets = { PROXY_PASSWORD: encodeURIComponent(PASSWORD) };
    front.begin();
    const run = await signOns(behind.ready, `ca_file = "${front.certificate}"\n${way}`, secrets);
    assertGood(run);
    assert.equal(front.requests['2.0'], STEPS * ITERATIONS, JSON.stringify(front.requests));
    assert.ok(proxy.asked('CONNECT') >= USERS, 'the proxy opened a way for each user');
    const before = proxy.asked('GET');
    // It closes after each reply without saying so; a request that comes too early meets the end.
    const lenient = `${way}\n[[threshold]]\nrule = "faults < 50%"`;
    const { summary } = await signOns(plain.ready, lenient, secrets);
    const { completed, faults } = summary.journeys[0];
    assert.equal(completed + (faults.reset ?? 0), ITERATIONS, JSON.stringify(faults));
    assert.ok(proxy.asked('GET') > before, 'the proxy passed plain calls on');
    const wrong = signOns(behind.ready, `ca_file = "${front.certificate}"\n${way}`, { PROXY_PASSWORD: 'mistaken' });
    await assert.rejects(wrong, ({ message }) => message.includes(`through the proxy ${proxy.address}`) && !message.includes('mistaken'));
  });
});
