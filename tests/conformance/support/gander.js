// `gander run` against a tenant of the test's own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../../target/debug/gander', import.meta.url));

/**
 * Forty sign-ons of eight users; the run's summary.
 * `ready`: what the stand-in said about itself. `http`: lines of the profile's table.
 */
export async function signOns(ready, http, secrets = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'gander-run-'));
  try {
    writeFileSync(join(folder, 'profile.toml'), profile(ready, http));
    const child = spawn(
      process.env.GANDER ?? BUILT,
      ['run', 'profile.toml', '--out', 'run', '--journey', 'sign-on=1', '--users', '8', '--iterations', '40', '--seed', '1'],
      {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, WORKER_SECRET: ready.worker.client_secret, ...secrets },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let said = '';
    child.stdout.on('data', (text) => (said += text));
    child.stderr.on('data', (text) => (said += text));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`gander run ended with ${code}:\n${said}`);
    return { said, summary: JSON.parse(readFileSync(join(folder, 'run', 'summary.json'), 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function profile(ready, http) {
  return `
[tenant]
auth_url = "${ready.auth_url}"
api_url = "${ready.auth_url}"
environment_id = "${ready.environment_id}"
client_id = "${ready.client_id}"
redirect_uri = "${ready.redirect_uri}"
[tenant.worker]
client_id = "${ready.worker.client_id}"
client_secret = "\${WORKER_SECRET}"
rate = "5000/s"
[accounts]
source = "provision"
count = 20
[http]
${http}
`;
}
