// tinyproxy as a process of the test's own, with a user name and a password.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './port.js';

/** What the proxy wants to hear; it takes letters, digits, dots and dashes only. */
export const PASSWORD = 's3cret.word-1';

export class TinyProxy {
  #folder = mkdtempSync(join(tmpdir(), 'gander-proxy-'));
  #child;
  #said = '';

  static async open() {
    const proxy = new TinyProxy();
    const port = await freePort();
    const config = join(proxy.#folder, 'tinyproxy.conf');
    writeFileSync(config, `Port ${port}\nListen 127.0.0.1\nAllow 127.0.0.1\nMaxClients 200\nLogLevel Connect\nBasicAuth me ${PASSWORD}\n`);
    proxy.#child = spawn('tinyproxy', ['-d', '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    const note = (text) => (proxy.#said += text);
    proxy.#child.stdout.on('data', note);
    proxy.#child.stderr.on('data', note);
    proxy.address = `127.0.0.1:${port}`;
    while (!(await listens(port))) {
      if (proxy.#child.exitCode !== null) throw new Error(`tinyproxy ended:\n${proxy.#said}`);
      await pause(20);
    }
    return proxy;
  }

  /** How often it was asked for something by this method. */
  asked(method) {
    return this.#said.split('\n').filter((line) => line.includes(`: ${method} `)).length;
  }

  async close() {
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function listens(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
