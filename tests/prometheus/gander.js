// A run of gander that can be scraped, in a folder of its own.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../target/debug/gander', import.meta.url));

/** A folder that goes when the test does. */
export function freeFolder() {
  const path = mkdtempSync(join(tmpdir(), 'gander-prometheus-'));
  return { path, file: (name) => join(path, name), remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts twelve seconds of load on the embedded stand-in and waits until it says where it is scraped. */
export async function run(folder) {
  const child = spawn(
    process.env.GANDER ?? BUILT,
    ['run', '-u', '4', '-d', '12s', '--warm-up', '1s', '--seed', '7', '--prometheus', '127.0.0.1:0', '-o', 'run',
      '--set', 'stand_in.delay=[{ delay = "lognormal 8ms 0.5" }]', '--set', 'stand_in.signing="ES256"'],
    { cwd: folder.path, env: { PATH: process.env.PATH, HOME: folder.path }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  process.once('exit', () => child.kill('SIGKILL'));
  const gander = { child, said: '', kill: () => child.kill('SIGKILL') };
  gander.closed = once(child, 'close');
  gander.target = await new Promise((resolve, reject) => {
    child.stderr.on('data', (text) => {
      gander.said += text;
      const [, target] = /prometheus http:\/\/(\S+)\/metrics/.exec(gander.said) ?? [];
      if (target) resolve(target);
    });
    gander.closed.then(([code]) => reject(new Error(`gander run ended with ${code}:\n${gander.said}`)));
  });
  return gander;
}

/** Waits for its end and reads what it found. */
export async function ended(gander, folder) {
  const [code] = await gander.closed;
  if (code !== 0) throw new Error(`gander run ended with ${code}:\n${gander.said}`);
  if (!gander.said.includes('last scrape')) throw new Error(`nothing about a last scrape:\n${gander.said}`);
  return JSON.parse(readFileSync(folder.file('run/summary.json'), 'utf8'));
}

/** The exposition as one kind of scraper gets it. */
export async function metrics(target, accept) {
  const reply = await fetch(`http://${target}/metrics`, { headers: { accept } });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  return { type: reply.headers.get('content-type'), body: await reply.text() };
}

/** What promtool has to say about an exposition; empty if it is content. */
export function check(body) {
  const promtool = spawnSync(process.env.PROMTOOL ?? 'promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
  if (promtool.error) throw promtool.error;
  return promtool.status === 0 ? promtool.stderr : `${promtool.status}: ${promtool.stderr}`;
}
