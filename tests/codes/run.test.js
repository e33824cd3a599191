// Codes through real servers: MailDev over HTTP, Dovecot over IMAP, and gander's own ends of mail and
// notifications beside them. RATE and SECONDS_OF_LOAD make it a proof instead of a test.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PASSWORD, RATE, SECONDS, run } from './gander.js';
import { dovecot, freeFolder, mailDev } from './servers.js';

let folder, dev, cot;

before(async () => {
  folder = freeFolder();
  [dev, cot] = await Promise.all([mailDev(), dovecot(PASSWORD)]);
});

after(async () => {
  await dev?.stop();
  await cot?.stop();
  folder?.remove();
});

/** Whether this is the proof, at the rate that it is about, and not a test on whatever machine. */
const IS_PROOF = RATE >= 50;

/** What gander says of the mails that came. */
const MAILS = new RegExp('mails: (?<received>\\d+) came, (?<delivered>\\d+) with a code for somebody; dropped: ' +
  '(?<blank>\\d+) without a code, (?<astray>\\d+) to nobody who waits, (?<stale>\\d+) from before the wait, ' +
  '(?<late>\\d+) after it, (?<surplus>\\d+) too many');

/**
 * Every journey came to its end: no code was missed. None was another's either: the tenant refuses those, and no mail
 * came before or after the wait for it, or was one more than was asked for.
 */
function isWhole(result, name) {
  // On a busy machine gander may have been the limit (5); codes have to come all the same.
  assert.ok((IS_PROOF ? [0] : [0, 5]).includes(result.code), `${name}: ${result.said}`);
  let due = 0;
  for (const row of result.summary.journeys) {
    assert.ok(row.due > 0 && row.completed === row.due, `${name}: ${JSON.stringify(row)}`);
    assert.equal(row.faults?.refused ?? 0, 0, `${name}: ${JSON.stringify(row)}`);
    due += row.due;
  }
  assert.ok(due > RATE * SECONDS * (IS_PROOF ? 0.95 : 0.6), `${name}: ${due} iterations`);
  const text = result.said + result.printed + result.wrote();
  assert.ok(!text.includes(PASSWORD), `${name}: the mailbox's password is in what gander wrote`);
  const waits = result.summary.series.find((row) => row.kind === 'code-wait');
  const mails = MAILS.exec(result.said)?.groups;
  assert.equal(mails !== undefined, waits !== undefined, `${name}: ${result.said}`);
  if (mails) {
    const { delivered, stale, late, surplus } = mails;
    assert.deepEqual({ delivered, stale, late, surplus }, { delivered: `${due}`, stale: '0', late: '0', surplus: '0' }, name);
  }
  console.log(`| ${name} | ${due} | ${waits ? `${waits.time_us.p50 / 1e3} ms, ${waits.time_us.p99 / 1e3} ms` : '–'} |`);
}

/** The sources: what the profile says of them, and where the stand-in sends its mail. */
const SOURCES = {
  'smtp-sink, STARTTLS and AUTH': () => ({ codes: 'tls = "starttls"\nuser = "tenant"\npassword = "${MAIL_PASSWORD}"' }),
  'smtp-sink, implicit TLS': () => ({ codes: 'tls = "implicit"' }),
  'http-provider': () => ({ codes: 'source = "http-provider"\ntoken = "${MAIL_PASSWORD}"' }),
  'http-mailbox, MailDev': () => ({
    smtp: dev.smtp, codes: `source = "http-mailbox"\npreset = "maildev"\nurl = "${dev.url}"\npoll = "250ms"`,
  }),
  'imap, STARTTLS, Dovecot': () => ({
    smtp: cot.smtp,
    codes: `source = "imap"\nserver = "localhost:${cot.imap}"\ntls = "starttls"\nuser = "load"\npassword = "\${MAIL_PASSWORD}"
[http]\nca_file = "${cot.authority}"`,
  }),
  'imap, implicit TLS, Dovecot': () => ({
    smtp: cot.smtp,
    codes: `source = "imap"\nserver = "localhost:${cot.imaps}"\nuser = "load"\npassword = "\${MAIL_PASSWORD}"
[http]\nca_file = "${cot.authority}"`,
  }),
  reply: () => ({ also: 'show = true', codes: 'source = "reply"\npointer = "/testCode"' }),
  fixed: () => ({ also: 'code = "${X:-1234abcd}"', codes: 'source = "fixed"\ncode = "${X:-1234abcd}"' }),
};

for (const [name, settings] of Object.entries(SOURCES)) {
  test(`register and recovery get every code: ${name}`, async () => {
    isWhole(await run(folder, name.replace(/\W+/g, '-'), settings()), name);
  });
}

test('a wrong password is known before anybody waits, and is not told', async () => {
  const codes = `source = "imap"\nserver = "localhost:${cot.imaps}"\nuser = "nobody"\npassword = "\${MAIL_PASSWORD}"
[http]\nca_file = "${cot.authority}"`;
  const result = await run(folder, 'wrong', { smtp: cot.smtp, codes });
  assert.equal(result.code, 3, result.said);
  assert.match(result.said, /does not let `nobody` in/);
  assert.ok(!result.said.includes(PASSWORD));
});
