// Does what the README and the pages say, word for word, with an authorization server in the place of yours.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fakeIssuer } from '../../lib/testing.js';
import { readPage } from '../support/snippets.js';

/** A server of the README, by the framework that it is written for. */
export type Quickstart = 'express' | 'koa';
/** The line of the MCP SDK. */
export type Sdk = 'v1' | 'v2';

/** Where a server of the pages listens, and whom it believes. */
export interface Place {
  readonly port: number;
  readonly issuer: string;
}

/** `mcp.js` of the README. */
export function mcpOf(sdk: Sdk): string {
  return quoted('README.md', `examples/quickstart/mcp${sdk === 'v1' ? '-v1' : ''}.js`);
}

/** A `server.js`, as it stands on a page, with a port and an issuer that exist. */
export function serverOf(page: string, file: string, { port, issuer }: Place): string {
  return quoted(page, file).replaceAll('3000', String(port)).replaceAll('https://login.example.com', issuer);
}

/** What a page quotes of a file. */
export function quoted(page: string, file: string): string {
  const texts = [
    ...readPage(page).matchAll(new RegExp(`<!-- snippet: ${file}#\\S+ -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``, 'g')),
  ];
  if (texts.length === 0) throw new Error(`${page} does not quote ${file}`);
  return texts.map(([, text = '']) => text).join('\n');
}

/** The lines of a page that go into a shell, from the first that has this text in it. */
export function shellLines(page: string, text: string): readonly string[] {
  const fences = [...readPage(page).matchAll(/```sh\n([\s\S]*?)```/g)].map(([, lines = '']) => lines);
  const found = fences.find((lines) => lines.includes(text));
  if (found === undefined) throw new Error(`${page} says nothing of ${text}`);
  return found.replaceAll('\\\n', ' ').trim().split('\n');
}

/** `mcp.js` of SDK v1 with the types that the README gives its parameters. */
export function typedV1(source: string): string {
  const [, signature = ''] = /`(mcp\(req: [^`]+\))`/.exec(readPage('README.md')) ?? [];
  const [, types = ''] = /`(import type \{ IncomingMessage[^`]+)`/.exec(readPage('README.md')) ?? [];
  return `${types}\n${source.replace('mcp(req, res, body)', signature)}`;
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
  readonly token: (scope: string, claims?: Readonly<Record<string, unknown>>) => Promise<string>;
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
  return { issuer, token: (scope, claims = {}) => fake.token({ sub: 'ann', scope, ...claims }), close };
}

/** A program that was started. */
export interface Started {
  /** What it has printed so far. */
  readonly output: () => string;
  /** Ends it, and returns its exit code; null where the signal ended it. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** How a program is started: options of Node, and variables beside the usual ones. */
export interface StartOptions {
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server, and waits until it listens. */
export async function startServer(
  cwd: string,
  file: string,
  resource: string,
  { nodeOptions = [], env = {} }: StartOptions = {},
): Promise<Started> {
  const child = spawn(process.execPath, [...nodeOptions, file], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const stop = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> => {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  };
  await listening(child, resource).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { output: () => output, stop };
}

async function listening(server: ChildProcess, resource: string): Promise<void> {
  for (let attempt = 0; attempt < 200 && server.exitCode === null; attempt += 1) {
    const answer = await fetch(resource).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined) return;
    await wait(100);
  }
  throw new Error('the server of the page does not start');
}

/** Calls a server of the pages as a stranger, as somebody who may, and as somebody who may not. */
export async function tryCalls(resource: string, token: (scope: string) => Promise<string>): Promise<void> {
  const { status, challenge } = await call(resource, 'greet');
  same(status, 401, 'a stranger');
  if (!challenge.includes('/.well-known/oauth-protected-resource/mcp')) throw new Error(`no metadata in ${challenge}`);
  const { authorization_servers: servers } = (await (
    await fetch(resource.replace('/mcp', '/.well-known/oauth-protected-resource/mcp'))
  ).json()) as { authorization_servers: unknown[] };
  same(servers.length, 1, 'the metadata');
  const allowed = await call(resource, 'greet', await token('greet'));
  same(allowed.status, 200, 'somebody who may');
  if (!allowed.text.includes('Hello ann')) throw new Error(`the tool answered ${allowed.text}`);
  same((await call(resource, 'greet', await token('other'))).status, 403, 'somebody who may not');
  same((await call(resource, 'drop_all', await token('greet'))).status, 403, 'a tool that is not defined');
}

/** Starts a server of the README, and calls it. */
export async function tryServer(
  cwd: string,
  resource: string,
  token: (scope: string) => Promise<string>,
  options: StartOptions = {},
): Promise<void> {
  const server = await startServer(cwd, 'server.js', resource, options);
  try {
    await tryCalls(resource, token);
    if (!server.output().includes('"outcome":"allowed"')) throw new Error('no audit record was printed');
  } finally {
    await server.stop();
  }
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
