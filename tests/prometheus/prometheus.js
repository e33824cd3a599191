// A Prometheus of the test's own, on a free port, that scrapes one target every second.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

const PATIENCE_MS = 60_000;

/** A pause between two questions, never instead of one. */
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Prometheus {
  #child;
  #said = '';
  #began = Date.now() / 1000;

  static async scraping(folder, target) {
    const started = new Prometheus();
    await started.#start(folder, target);
    return started;
  }

  async #start(folder, target) {
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '900ms' },
      scrape_configs: [{ job_name: 'gander', static_configs: [{ targets: [target] }] }],
    };
    // JSON is YAML.
    writeFileSync(folder.file('prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.#child = spawn(process.env.PROMETHEUS ?? 'prometheus', [
      `--config.file=${folder.file('prometheus.yml')}`,
      `--storage.tsdb.path=${folder.file('tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ], { stdio: ['ignore', 'pipe', 'pipe'] });
    const note = (text) => (this.#said += text);
    this.#child.stdout.on('data', note);
    this.#child.stderr.on('data', note);
    this.#child.on('error', (error) => note(String(error)));
    process.once('exit', () => this.#child.kill('SIGKILL'));
    await this.#patiently('ready', async () => (await fetch(`${this.url}/-/ready`)).ok);
  }

  async #patiently(what, ask) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`prometheus ended:\n${this.#said}`);
      const found = await ask().catch(() => undefined);
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`prometheus: not ${what} in time\n${this.#said}`);
      await pause(50);
    }
  }

  async api(path, parameters = {}) {
    const reply = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = await reply.json();
    if (status !== 'success') throw new Error(`${parameters.query ?? path}: ${error}`);
    return data;
  }

  /** The vector that a query comes to now. */
  async query(query) {
    return (await this.api('query', { query })).result;
  }

  /** The only number that a query comes to; undefined if there is none. */
  async number(query) {
    const found = await this.query(query);
    if (found.length > 1) throw new Error(`${query}: ${found.length} rows`);
    return found.length === 0 ? undefined : Number(found[0].value[1]);
  }

  /** The series of a query over the time since this Prometheus began. */
  async range(query) {
    const end = Date.now() / 1000;
    return (await this.api('query_range', { query, start: this.#began, end, step: 1 })).result;
  }

  /** Asks until the answer is what is wanted. */
  until(query, isEnough) {
    return this.#patiently(query, async () => isEnough(await this.query(query)));
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/** A port that was free a moment ago: Prometheus does not say which one it took. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}
