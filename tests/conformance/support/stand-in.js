// `gander stand-in` as a process of the test's own, on a free port.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../../target/debug/gander', import.meta.url));

export class StandIn {
  #child;
  #folder;
  #said = '';
  #kill = () => {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };

  /** Starts one with settings in TOML and waits until it listens. */
  static async start(settings, listen = '127.0.0.1:0') {
    const standIn = new StandIn();
    await standIn.#start(settings, listen);
    return standIn;
  }

  async #start(settings, listen) {
    this.#folder = mkdtempSync(join(tmpdir(), 'gander-conformance-'));
    const config = join(this.#folder, 'stand-in.toml');
    const ready = join(this.#folder, 'ready.json');
    writeFileSync(config, settings);
    const seen = new Promise((resolve) => {
      const watcher = watch(this.#folder, () => {
        const text = read(ready);
        if (!text.endsWith('\n')) return;
        watcher.close();
        resolve(JSON.parse(text));
      });
    });
    const program = process.env.GANDER ?? BUILT;
    const args = ['stand-in', '--listen', listen, '--config', config, '--ready', ready];
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    process.once('exit', this.#kill);
    const note = (text) => (this.#said += text);
    this.#child.stdout.on('data', note);
    this.#child.stderr.on('data', note);
    const failed = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`gander stand-in ended with ${code}:\n${this.#said}`);
    });
    failed.catch(() => {});
    this.ready = await Promise.race([seen, failed]);
  }

  /** Path of discovery. */
  get wellknown() {
    return `${this.ready.auth_url}/${this.ready.environment_id}/as/.well-known/openid-configuration`;
  }

  /** Calls of one page's script, as the stand-in recorded them. */
  async calls() {
    const reply = await fetch(`${this.ready.auth_url}/stand-in/calls`);
    return (await reply.text()).trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  async #token() {
    const { worker, auth_url, environment_id } = this.ready;
    const basic = Buffer.from(`${worker.client_id}:${worker.client_secret}`).toString('base64');
    const reply = await fetch(`${auth_url}/${environment_id}/as/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    return (await reply.json()).access_token;
  }

  /** Calls the management API of the environment as the worker. */
  async manage(method, path, { type = 'application/json', body } = {}) {
    this.token ??= await this.#token();
    const reply = await fetch(`${this.ready.api_url}/v1/environments/${this.ready.environment_id}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': type },
      body: body && JSON.stringify(body),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** Imports a user; `forceChange` makes the password one that must be changed. */
  user(address, password, { forceChange = false } = {}) {
    return this.manage('POST', '/users', {
      type: 'application/vnd.pingidentity.user.import+json',
      body: {
        email: address,
        username: address,
        name: { given: 'Ada', family: 'Lovelace' },
        population: { id: this.ready.population_id },
        lifecycle: { status: 'ACCOUNT_OK' },
        password: { value: password, forceChange },
      },
    });
  }

  async stop() {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    const late = setTimeout(this.#kill, 5000);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await ended;
    clearTimeout(late);
    process.removeListener('exit', this.#kill);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
