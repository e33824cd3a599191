// The app's page on a server of its own, with the vendor's clients bundled as they are published.

import { build } from 'esbuild';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../page/app.js', import.meta.url));

export class Site {
  #server;
  /** Answers of paths besides the page: a function of the request's body, or what it returns. */
  answers = new Map();

  static async open() {
    const { outputFiles } = await build({
      entryPoints: [ENTRY],
      bundle: true,
      format: 'iife',
      target: 'es2022',
      minify: true,
      write: false,
      logLevel: 'error',
    });
    const site = new Site();
    const script = outputFiles[0].contents;
    site.#server = createServer(async (request, response) => {
      const answer = site.answers.get(new URL(request.url, 'http://site').pathname);
      if (answer) {
        let body = '';
        for await (const part of request.setEncoding('utf8')) body += part;
        response.setHeader('content-type', 'application/json');
        return response.end(JSON.stringify(typeof answer === 'function' ? answer(body) : answer));
      }
      const isScript = request.url === '/app.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><title>app</title><link rel="icon" href="data:,"><script src="/app.js"></script>');
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
