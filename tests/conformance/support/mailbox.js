// An SMTP server that keeps what it is given, so that codes come by real mail.

import { createServer } from 'node:net';

export class Mailbox {
  #letters = [];
  #waiting = [];
  #server = createServer((socket) => this.#serve(socket));
  #sockets = new Set();

  static async open() {
    const mailbox = new Mailbox();
    await new Promise((resolve) => mailbox.#server.listen(0, '127.0.0.1', resolve));
    return mailbox;
  }

  get address() {
    return `127.0.0.1:${this.#server.address().port}`;
  }

  #serve(socket) {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    socket.setEncoding('utf8');
    let rest = '';
    let data = null;
    let to = null;
    const say = (line) => socket.write(`${line}\r\n`);
    const take = (line) => {
      if (data !== null) {
        if (line !== '.') return void data.push(line.replace(/^\./, ''));
        this.#deliver({ to, text: data.join('\n') });
        data = null;
        return say('250 kept');
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'EHLO' || verb === 'HELO') return say('250 here');
      if (verb === 'RCPT') to = /<(.*?)>/.exec(line)?.[1]?.toLowerCase();
      if (verb === 'DATA') {
        data = [];
        return say('354 go on');
      }
      if (verb === 'QUIT') {
        say('221 bye');
        return socket.end();
      }
      return say('250 fine');
    };
    socket.on('data', (text) => {
      const lines = (rest + text).split('\r\n');
      rest = lines.pop();
      lines.forEach(take);
    });
    say('220 here');
  }

  #deliver(letter) {
    this.#letters.push(letter);
    this.#waiting = this.#waiting.filter(({ to, count, resolve }) => {
      const letters = this.#of(to);
      if (letters.length < count) return true;
      resolve(letters[count - 1]);
      return false;
    });
  }

  #of(to) {
    return this.#letters.filter((letter) => letter.to === to.toLowerCase());
  }

  /** The `count`-th letter to an address, as soon as it is there. */
  letter(to, count) {
    const letters = this.#of(to);
    if (letters.length >= count) return Promise.resolve(letters[count - 1]);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no letter ${count} to ${to}`)), 20_000);
      const done = (letter) => (clearTimeout(late), resolve(letter));
      this.#waiting.push({ to, count, resolve: done });
    });
  }

  /** The code in the `count`-th letter to an address. */
  async code(to, count) {
    const { text } = await this.letter(to, count);
    const code = /code is: (\S+)/.exec(text)?.[1];
    if (!code) throw new Error(`no code in the letter to ${to}: ${text}`);
    return code;
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
