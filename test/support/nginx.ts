import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Authority } from './certificates.js';
import { freePort } from './redis.js';
import { readPage } from './snippets.js';

/** An nginx of a test's own that ends TLS, asks for client certificates, and forwards them to one server. */
export interface TestNginx {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** Whether the server is installed. In CI a missing one is a failure, never a skipped test. */
export function hasNginx(): boolean {
  const found = spawnSync('nginx', ['-v']).status === 0;
  if (!found && (process.env['CI'] ?? '') !== '') throw new Error('nginx is not installed');
  if (!found) console.log('    (nginx is not installed: the tests that need it are skipped)');
  return found;
}

/** `verify` is the value of `ssl_verify_client`. */
export async function startNginx(
  authority: Authority,
  upstream: number,
  verify: 'on' | 'optional' | 'optional_no_ca' = 'optional',
): Promise<TestNginx> {
  const directory = mkdtempSync(join(tmpdir(), 'etdi-nginx-'));
  const port = await freePort();
  const { cert, key } = await authority.issue([{ type: 'dns', value: 'localhost' }]);
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const config = file(
    'nginx.conf',
    `daemon off; worker_processes 1; pid ${join(directory, 'pid')}; error_log ${join(directory, 'error.log')};
events { worker_connections 64; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(directory, name)};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${file('server.crt', cert)};
    ssl_certificate_key ${file('server.key', key)};
    proxy_http_version 1.1;
    ${documented()
      .replace('/etc/nginx/client-ca.pem', file('ca.crt', authority.ca))
      .replace('optional;', `${verify};`)
      .replaceAll('http://127.0.0.1:3000', `http://127.0.0.1:${upstream}`)}
  }
}
`,
  );
  const child = spawn('nginx', ['-p', directory, '-c', config, '-e', join(directory, 'error.log')], {
    stdio: 'ignore',
  });
  const gone = once(child, 'exit');
  await listening(port);
  return {
    origin: `https://localhost:${port}`,
    close: async () => {
      child.kill('SIGQUIT');
      await gone;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What users are told to configure. */
function documented(): string {
  const [, config] = /```nginx\n([^]*?)```/.exec(readPage('docs/mtls.md')) ?? [];
  if (config === undefined) throw new Error('docs/mtls.md configures no nginx');
  return config;
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const socket = connect(port, '127.0.0.1');
    const [open] = await Promise.race([
      once(socket, 'connect').then(() => [true]),
      once(socket, 'close').then(() => [false]),
      once(socket, 'error').then(() => [false]),
    ]).catch(() => [false]);
    socket.destroy();
    if (open === true) return;
    await wait(50);
  }
  throw new Error('nginx did not start');
}
