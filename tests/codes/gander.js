// Runs of gander whose embedded stand-in sends its mail through a real server.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../target/debug/gander', import.meta.url));

/** The password of every mailbox here; no output of gander may have it. */
export const PASSWORD = 'hush-7f3k9q2x';

/** Runs of `RATE` iterations a second for `SECONDS`; both small unless the environment says more. */
export const RATE = Number(process.env.RATE ?? 10);
export const SECONDS = Number(process.env.SECONDS_OF_LOAD ?? 5);

/** One run with a source of codes; `smtp` is where the stand-in delivers. */
export async function run(folder, name, { codes, smtp, also = '' }) {
  writeFileSync(folder.file(`${name}.toml`), `
[workload]
model = "open"
rate = "${RATE}/s"
duration = "${SECONDS}s"
warm_up = "0s"
drain = "30s"
max_users = 400
[journeys]
register = 1
recovery = 1
[accounts]
count = ${Math.max(50, RATE * 4)}
[identities]
mailbox = "load"
[stand_in]
signing = "ES256"
[stand_in.mail]
${smtp ? `smtp = "127.0.0.1:${smtp}"` : ''}
${also}
[codes]
timeout = "20s"
${codes}
`);
  const child = spawn(process.env.GANDER ?? BUILT, ['run', `${name}.toml`, '--seed', '7', '-o', name, '--json', '-v'], {
    cwd: folder.path,
    env: { PATH: process.env.PATH, HOME: folder.path, MAIL_PASSWORD: PASSWORD },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let [said, printed] = ['', ''];
  child.stderr.on('data', (text) => { said += text; });
  child.stdout.on('data', (text) => { printed += text; });
  const [code] = await once(child, 'close');
  process.removeListener('exit', kill);
  const summary = printed ? JSON.parse(printed) : undefined;
  return { code, said, printed, summary, wrote: () => everything(folder.file(name)) };
}

function everything(path) {
  return readdirSync(path, { withFileTypes: true })
    .map((entry) => (entry.isDirectory() ? everything(join(path, entry.name)) : readFileSync(join(path, entry.name), 'latin1')))
    .join('\n');
}
