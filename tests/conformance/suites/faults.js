// What the client makes of a tenant that fails.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { World } from '../support/app.js';
import { at } from '../support/form.js';

const LOGIN = 'continue: Username/Password Form';

/** What a client's node says after `REGISTER` meets a fault, and after it is pressed again. */
async function struck(fault) {
  const settings = `signing = "ES256"\n[[fault]]\naction = "REGISTER"\ncount = 1\n${fault}\n`;
  const world = await World.open(settings);
  try {
    const app = await world.visitor();
    assert.equal(at(await app.start()), LOGIN);
    const node = await app.press('REGISTER');
    const { status, answer } = app.last('/customHTMLTemplate');
    const again = node.status === 'failure' ? null : at(await app.press('REGISTER'));
    return { node, status, answer, again };
  } finally {
    await world.close();
  }
}

const AGAIN = 'continue: Registration Form';

describe('faults', () => {
  test('429 is an error node that can be tried again, and says when', async () => {
    const { node, answer, again } = await struck('kind = "rate-limited"\nretry_after = "7s"');
    assert.equal(at(node), 'error: Username/Password Form');
    assert.equal(node.httpStatus, 429);
    assert.equal(node.error.code, 'REQUEST_LIMITED');
    assert.equal(answer['retry-after'], '7');
    assert.equal(answer['access-control-allow-credentials'], 'true');
    assert.equal(again, AGAIN);
  });

  test('401 with 1999 in mid-flow is a failure', async () => {
    const { node } = await struck('kind = "interaction-rejected"');
    assert.equal(node.status, 'failure');
    assert.equal(node.httpStatus, 401);
    assert.equal(node.error.code, 1999);
  });

  test('a timed-out interaction is a failure', async () => {
    const { node } = await struck('kind = "timed-out"');
    assert.equal(node.status, 'failure');
    assert.equal(node.error.code, 'requestTimedOut');
  });

  test('a failed flow is a failure although its status is 200', async () => {
    const { node } = await struck('kind = "failed-flow"');
    assert.equal(node.status, 'failure');
    assert.equal(node.httpStatus, 200);
    assert.equal(node.error.code, 'server_error');
  });

  test('a server error in JSON is a failure with its status', async () => {
    const { node } = await struck('kind = "http-500"\nstatus = 502');
    assert.equal(node.status, 'failure');
    assert.equal(node.httpStatus, 502);
    assert.equal(node.error.code, 'UNEXPECTED_ERROR');
  });

  for (const status of [400, 403, 404, 405, 429]) {
    test(`an author's ${status} is an error node`, async () => {
      const { node, again } = await struck(`kind = "author-error"\nstatus = ${status}`);
      assert.equal(at(node), 'error: Username/Password Form');
      assert.equal(node.httpStatus, status);
      assert.equal(node.error.internalHttpStatus, status);
      assert.equal(again, AGAIN);
    });
  }

  test('an author\'s 500 is a failure', async () => {
    const { node } = await struck('kind = "author-error"\nstatus = 500');
    assert.equal(node.status, 'failure');
    assert.equal(node.httpStatus, 500);
  });

  test('a connection that is reset is a failed fetch', async () => {
    const { node } = await struck('kind = "reset"');
    assert.equal(node.status, 'failure');
    assert.equal(node.error.code, 'FETCH_ERROR');
  });

  for (const [kind, status] of [['http-503-html', 503], ['blocked', 403], ['not-json', 200]]) {
    test(`a page where JSON belongs (${kind}) leaves the client where it was`, async () => {
      const { node, status: seen, again } = await struck(`kind = "${kind}"`);
      assert.equal(seen, status);
      assert.equal(at(node), LOGIN);
      assert.equal(again, AGAIN);
    });
  }

  for (const kind of ['truncated', 'reset-mid-body']) {
    test(`half a body (${kind}) moves the client nowhere`, async () => {
      const { node } = await struck(`kind = "${kind}"`);
      assert.ok(at(node) === LOGIN || node.status === 'failure', at(node));
    });
  }

  test('a link to another host is followed there, and nowhere', async () => {
    const { node, again } = await struck('kind = "foreign-link"');
    assert.equal(at(node), AGAIN);
    assert.equal(again, 'failure');
  });
});
