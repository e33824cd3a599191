// Node's own server in front of a stand-in: HTTP/2 and HTTP/1.1 over TLS, as a tenant's edge has them.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as call } from 'node:http';
import { createSecureServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OF_THE_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding', 'host'];

const CERTIFICATE = `
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = front
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
`;

export class Front {
  #folder = mkdtempSync(join(tmpdir(), 'gander-front-'));
  #server;
  #behind;
  /** Connections so far, and requests by version of HTTP. */
  connections = 0;
  requests = {};

  /** Listens; `settings` are those of Node's server besides key and certificate. */
  static async open(settings = {}) {
    const front = new Front();
    const [config, key, cert] = ['openssl.cnf', 'key.pem', 'cert.pem'].map((name) => join(front.#folder, name));
    writeFileSync(config, CERTIFICATE);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', '-config', config, ...curve, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    front.certificate = cert;
    const pair = { key: readFileSync(key), cert: readFileSync(cert) };
    front.#server = createSecureServer({ ...pair, allowHTTP1: true, ...settings }, (request, reply) => front.#pass(request, reply));
    front.#server.on('secureConnection', () => (front.connections += 1));
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    front.origin = `https://127.0.0.1:${front.#server.address().port}`;
    return front;
  }

  /** Passes everything on to this origin from now on. */
  before(origin) {
    this.#behind = new URL(origin);
  }

  /** Counts from nought again. */
  begin() {
    this.connections = 0;
    this.requests = {};
  }

  #pass(request, reply) {
    this.requests[request.httpVersion] = (this.requests[request.httpVersion] ?? 0) + 1;
    const headers = without(request.headers);
    headers.host = new URL(this.origin).host;
    const { hostname, port } = this.#behind;
    const passed = call({ hostname, port, method: request.method, path: request.url, headers }, (answer) => {
      reply.writeHead(answer.statusCode, without(answer.headers));
      answer.pipe(reply);
    });
    passed.on('error', () => reply.destroy());
    request.pipe(passed);
  }

  async close() {
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function without(headers) {
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith(':') && !OF_THE_CONNECTION.includes(name));
  return Object.fromEntries(kept);
}
