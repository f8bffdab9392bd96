// Does what the README says, word for word, with an authorization server in the place of yours.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fakeIssuer } from '../../lib/testing.js';
import { readPage } from '../support/snippets.js';

/** A server of the README, by the frameworks that it is written for. */
export type Quickstart = 'express' | 'koa';

/** The files of a README path, as they stand there, with a port and an issuer that exist. */
export function filesOf(quickstart: Quickstart, port: number, issuer: string): Readonly<Record<string, string>> {
  const server = block(`examples/quickstart/${quickstart}.js`)
    .replaceAll('3000', String(port))
    .replaceAll('https://login.example.com', issuer);
  return { mcp: block('examples/quickstart/mcp.js'), server };
}

function block(file: string): string {
  const [, body] =
    new RegExp(`<!-- snippet: ${file}#\\S+ -->\\n\`\`\`js\\n([\\s\\S]*?)\`\`\``).exec(readPage('README.md')) ?? [];
  if (body === undefined) throw new Error(`the README does not quote ${file}`);
  return body;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An authorization server that only this machine can reach. */
export async function startIssuer(resource: string): Promise<{
  readonly issuer: string;
  readonly token: (scope: string) => Promise<string>;
  readonly close: () => void;
}> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fake = fakeIssuer({ issuer, resource });
  server.on('request', (req, res) => {
    void fake.fetch(`${issuer}${req.url ?? ''}`).then(async (answer) => {
      res.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    });
  });
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { issuer, token: (scope) => fake.token({ sub: 'ann', scope }), close };
}

/** Starts a server of the README and calls it as a stranger, as somebody who may, and as somebody who may not. */
export async function tryServer(
  cwd: string,
  file: string,
  resource: string,
  token: (scope: string) => Promise<string>,
): Promise<void> {
  const server = spawn(process.execPath, [file], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const records: string[] = [];
  server.stdout.on('data', (bytes: Buffer) => records.push(String(bytes)));
  try {
    await listening(server, resource);
    const { status, challenge } = await call(resource, 'greet');
    same(status, 401, 'a stranger');
    if (!challenge.includes('/.well-known/oauth-protected-resource/mcp'))
      throw new Error(`no metadata in ${challenge}`);
    const { authorization_servers: servers } = (await (
      await fetch(resource.replace('/mcp', '/.well-known/oauth-protected-resource/mcp'))
    ).json()) as { authorization_servers: unknown[] };
    same(servers.length, 1, 'the metadata');
    const allowed = await call(resource, 'greet', await token('greet'));
    same(allowed.status, 200, 'somebody who may');
    if (!allowed.text.includes('Hello ann')) throw new Error(`the tool answered ${allowed.text}`);
    same((await call(resource, 'greet', await token('other'))).status, 403, 'somebody who may not');
    same((await call(resource, 'drop_all', await token('greet'))).status, 403, 'a tool that is not defined');
    if (!records.join('').includes('"outcome":"allowed"')) throw new Error('no audit record was printed');
  } finally {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  }
}

async function listening(server: ChildProcess, resource: string): Promise<void> {
  for (let attempt = 0; attempt < 100 && server.exitCode === null; attempt += 1) {
    const answer = await fetch(resource).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined) return;
    await wait(100);
  }
  throw new Error('the server of the README does not start');
}

async function call(
  resource: string,
  name: string,
  token?: string,
): Promise<{ readonly status: number; readonly challenge: string; readonly text: string }> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } });
  const answer = await fetch(resource, { method: 'POST', headers, body });
  return {
    status: answer.status,
    challenge: answer.headers.get('www-authenticate') ?? '',
    text: await answer.text(),
  };
}

function same(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${actual} and not ${expected}`);
}

/** `npx mcp-etdi` of the installed package. */
export function tryCommand(cwd: string): void {
  const text = execFileSync(process.execPath, [join('node_modules', '.bin', 'mcp-etdi'), '--help'], {
    cwd,
    encoding: 'utf8',
  });
  for (const name of ['audit', 'doctor', 'keys', 'tools']) {
    if (!text.includes(`  ${name}`)) throw new Error(`mcp-etdi --help says nothing of ${name}`);
  }
}
