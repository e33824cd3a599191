// The app's page on a server of its own, with the vendor's clients bundled as they are published.

import { build } from 'esbuild';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../page/app.js', import.meta.url));

export class Site {
  #server;

  static async open() {
    const { outputFiles } = await build({
      entryPoints: [ENTRY],
      bundle: true,
      format: 'iife',
      target: 'es2022',
      write: false,
      logLevel: 'error',
    });
    const site = new Site();
    const script = outputFiles[0].contents;
    site.#server = createServer((request, response) => {
      const isScript = request.url === '/app.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><title>app</title><script src="/app.js"></script>');
    });
    await new Promise((resolve) => site.#server.listen(0, resolve));
    return site;
  }

  /** Origin of the page: another port than the tenant's, so another origin; with `localhost` instead
   * of `127.0.0.1` another site too. */
  origin(host = '127.0.0.1') {
    return `http://${host}:${this.#server.address().port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
