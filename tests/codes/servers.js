// Real mail servers, each in a folder of its own on free ports, ended with the test.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Root's tests run servers as nobody: none of them needs more. */
const NOBODY = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};

/** A folder that goes when the test does, and that the servers may write into. */
export function freeFolder() {
  const path = mkdtempSync(join(tmpdir(), 'gander-codes-'));
  chmodSync(path, 0o755);
  return { path, file: (name) => join(path, name), remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port, server) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (server.ended) break;
    const socket = createConnection({ port, host: '127.0.0.1' });
    const came = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)])
      .catch(() => false);
    socket.destroy();
    if (came) return;
    await pause(50);
  }
  throw new Error(`nothing listens at ${port}:\n${server.said}`);
}

/** Starts a program and keeps what it says. */
function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const server = { child, said: '', ended: false };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { server.said += text; });
  server.closed = once(child, 'close').then(() => { server.ended = true; }, () => { server.ended = true; });
  child.on('error', (error) => { server.said += error; server.ended = true; });
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  server.stop = async () => {
    kill();
    await server.closed;
    process.removeListener('exit', kill);
  };
  return server;
}

/** MailDev: takes mail over SMTP and shows it over HTTP. */
export async function mailDev() {
  const [smtp, web] = [await freePort(), await freePort()];
  const folder = freeFolder();
  const main = here('node_modules/maildev/bin/maildev');
  const args = [main, '--smtp', smtp, '--web', web, '--ip', '127.0.0.1', '--web-ip', '127.0.0.1', '--silent'];
  const server = start(process.execPath, [...args, '--mail-directory', folder.path]);
  await listens(smtp, server);
  await listens(web, server);
  return { smtp, url: `http://127.0.0.1:${web}`, stop: async () => { await server.stop(); folder.remove(); } };
}

/** Dovecot with one mailbox, `load`, and a mail server in front of it that hands it everything. */
export async function dovecot(password) {
  const folder = freeFolder();
  const [imap, imaps, lmtp, smtp] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const { uid, gid } = { uid: process.getuid(), gid: process.getgid(), ...NOBODY };
  for (const name of ['run', 'state', 'mail']) {
    mkdirSync(folder.file(name));
    chownSync(folder.file(name), uid, gid);
  }
  const certificate = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-keyout', folder.file('key.pem'), '-out', folder.file('cert.pem'), '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'];
  execFileSync('openssl', certificate, { stdio: 'ignore' });
  chownSync(folder.file('key.pem'), uid, gid);
  const id = (flag) => execFileSync('id', [flag], { encoding: 'utf8' }).trim();
  const [user, group] = NOBODY.uid ? ['nobody', 'nogroup'] : [id('-un'), id('-gn')];
  writeFileSync(folder.file('users'), `load:{PLAIN}${password}\n`);
  chownSync(folder.file('users'), uid, gid);
  const listener = (name, port, extra = '') =>
    `inet_listener ${name} {\n address = 127.0.0.1\n port = ${port}\n ${extra}\n}\n`;
  const service = (name, inside = '') => `service ${name} {\n chroot =\n user = ${user}\n ${inside}\n}\n`;
  writeFileSync(folder.file('dovecot.conf'), `
base_dir = ${folder.file('run')}
state_dir = ${folder.file('state')}
log_path = /dev/stderr
protocols = imap lmtp
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
first_valid_uid = ${uid}
first_valid_gid = ${gid}
ssl = yes
ssl_cert = <${folder.file('cert.pem')}
ssl_key = <${folder.file('key.pem')}
disable_plaintext_auth = yes
recipient_delimiter = +
mail_location = maildir:${folder.file('mail')}/%n
mail_fsync = never
auth_username_format = %Ln
passdb {
  driver = passwd-file
  args = scheme=PLAIN ${folder.file('users')}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${folder.file('mail')}/%n
}
${service('imap-login', listener('imap', imap) + listener('imaps', imaps, 'ssl = yes'))}
${service('lmtp', listener('lmtp', lmtp))}
${['anvil', 'auth', 'auth-worker', 'config', 'dict', 'imap', 'log', 'stats'].map((name) => service(name)).join('')}
`);
  const server = start('dovecot', ['-F', '-c', folder.file('dovecot.conf')], NOBODY);
  await listens(imap, server);
  await listens(imaps, server);
  await listens(lmtp, server);
  const relay = start('/usr/bin/python3', [here('relay.py'), lmtp, smtp], NOBODY);
  await listens(smtp, relay);
  return {
    smtp, imap, imaps, folder: folder.file('mail'), authority: folder.file('cert.pem'), said: () => server.said + relay.said,
    stop: async () => { await relay.stop(); await server.stop(); folder.remove(); },
  };
}
