// Secrets of every kind, in every place that a client controls: none of them may be in any sink.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http, { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import express from 'express';
import winston from 'winston';
import { Writable } from 'node:stream';
import { toExpress } from '../../adapters/express.js';
import {
  auditLog,
  Denial,
  verifyTrail,
  type AuditContentMode,
  type AuditFormat,
  type AuditTrail,
  type Middleware,
} from '../../lib/index.js';
import { TrailSandbox } from '../support/trails.js';

const REQUESTS = 20_000;
/** In every secret, so that any part of one that is left shows. */
const CANARY = 'CANARY7F';

interface Wire {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Kinds of secrets that are known by their form, or by what stands around them. */
const KINDS: readonly ((n: number) => string)[] = [
  (n) => `eyJhbGciOiJFUzI1NiJ9.eyJ${CANARY}${n}.c2ln${CANARY}${n}`,
  (n) => `eyJhbGciOiJkaXIi${CANARY}${n}..aXY.${CANARY}.dGFn`,
  (n) => `-----BEGIN PRIVATE KEY-----\nMIGH${CANARY}${n}\n-----END PRIVATE KEY-----`,
  (n) => `-----BEGIN RSA PRIVATE KEY-----\n${CANARY}${n}`,
  (n) => `Bearer opaque-${CANARY}-${n}`,
  (n) => `AKIA${CANARY}${String(n).padStart(8, '0')}`,
  (n) => `ghp_${CANARY}${String(n).padStart(28, 'a')}`,
  (n) => `github_pat_${CANARY}${String(n).padStart(28, 'a')}`,
  (n) => `glpat-${CANARY}${String(n).padStart(12, 'a')}`,
  (n) => `xoxb-${CANARY}-${String(n).padStart(12, '0')}`,
  (n) => `sk-proj-${CANARY}${String(n).padStart(20, 'b')}`,
  (n) => `sk_live_${CANARY}${String(n).padStart(16, 'c')}`,
  (n) => `AIza${CANARY}${String(n).padStart(30, 'd')}`,
  (n) => `npm_${CANARY}${String(n).padStart(30, 'e')}`,
  (n) => `https://user:${CANARY}${n}@db.example/x`,
  (n) => `password=${CANARY}${n}`,
  (n) => `api_key: ${CANARY}${n}`,
  (n) => JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: 'abc', d: keyOf(n) }),
  (n) => JSON.stringify({ keys: [{ kty: 'RSA', oth: [{ r: keyOf(n), d: keyOf(n), t: keyOf(n) }] }] }, null, 1),
  (n) => `{"kty":"RSA","d":"${keyOf(n)}","p":"${keyOf(n)}","dq":"${keyOf(n)}"} and more`,
  (n) =>
    JSON.stringify([
      { kty: 'oct', k: keyOf(n) },
      { kty: 'AKP', priv: keyOf(n) },
    ]),
  (n) => `db_pass=${CANARY}${n}`,
  (n) => `dbPass: "${CANARY} ${n}"`,
  (n) => `{'user-pwd': '${CANARY}${n}'}`,
  (n) => `otp=${CANARY}${n}`,
  (n) => `login --pin ${CANARY}${n}`,
  (n) => `connect.sid=${CANARY}${n}`,
  (n) => `https://store.example/x?sv=1&sig=${CANARY}${n}&se=2`,
  (n) => `https://app.example/cb?code=${CANARY}${n}&state=1`,
  (n) => `curl -u ann:${CANARY}${n} https://a.example`,
  (n) => `curl --user "ann:${CANARY} ${n}" https://a.example`,
  (n) => `machine a.example\n  login ann\n  password ${CANARY}${n}\n`,
  (n) => `<add key="Password" value="${CANARY}${n}" />`,
  (n) => JSON.stringify(['login', '--password', `${CANARY} ${n}`, '--token', `${CANARY}${n}`]),
  (n) => JSON.stringify(['curl', '-u', `ann:${CANARY} ${n}`]),
  (n) => JSON.stringify([{ name: 'password', value: `${CANARY} ${n}` }]),
  (n) => JSON.stringify({ key: 'api_key', value: `${CANARY}${n}` }),
];

/** The private part of a key: nothing but its name shows what it is. */
function keyOf(n: number): string {
  return `${CANARY}${n}_abcdefghijk-lmnop`;
}

const call = (params: object, more: object = {}): object => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params,
  ...more,
});
const tool = (name: string, args: unknown): object => call({ name, arguments: args });

/** Places where a secret stands as it is. */
const PLACES: readonly ((secret: string) => Wire)[] = [
  (s) => ({ body: tool('echo', { text: s }) }),
  (s) => ({ body: tool('echo', { [s]: 1 }) }),
  (s) => ({ body: tool('echo', { list: [1, [{ deep: { deeper: s } }]] }) }),
  (s) => ({ body: tool('echo', { text: `before ${s} after`, json: JSON.stringify({ inner: s }) }) }),
  (s) => ({ body: tool('echo', s) }),
  (s) => ({ body: tool(s, {}) }),
  (s) => ({ body: tool('echo', { args: ['--password', s, '-u', `ann:${s}`], env: [{ value: s, name: 'TOKEN' }] }) }),
  (s) => ({ body: tool('deny', { text: s }) }),
  (s) => ({ body: tool('crash', { text: s }) }),
  (s) => ({ body: call({ name: 'echo', [s]: s, _meta: { [s]: s } }) }),
  (s) => ({ body: call({ name: 'echo', arguments: {} }, { id: s.slice(0, 256) }) }),
  (s) => ({ body: call({ name: 'echo', arguments: {} }, { [s]: s, method: s }) }),
  (s) => ({ body: { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: s } } }),
  (s) => ({ body: { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: `db://h/${s}?q=${s}#${s}` } } }),
  (s) => ({ body: { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: { name: s, arguments: { a: s } } } }),
  (s) => ({ body: { jsonrpc: '2.0', id: s.slice(0, 256), result: { [s]: s } } }),
  (s) => ({ body: [tool('echo', { a: s }), { jsonrpc: '2.0', method: 'notifications/message', params: { data: s } }] }),
  (s) => ({ body: `{"broken": "${s}` }),
  (s) => ({ path: `/mcp/${encodeURIComponent(s)}` }),
  (s) => ({ path: `/mcp/${s.replaceAll(/\s/g, '+')}` }),
  (s) => ({ path: `/mcp?access_token=${encodeURIComponent(s)}&${encodeURIComponent(s)}` }),
  (s) => ({ headers: { 'x-forwarded-for': line(s) } }),
  (s) => ({ headers: { traceparent: line(s), 'user-agent': line(s), referer: line(s), 'last-event-id': line(s) } }),
  (s) => ({ headers: { 'mcp-method': line(s), 'mcp-name': line(s), 'mcp-protocol-version': line(s) } }),
];

/** Headers that prove a caller: what they hold is a secret of any form, and stays one when it stands elsewhere too. */
const PROOFS: readonly ((secret: string) => Readonly<Record<string, string>>)[] = [
  (s) => ({ authorization: `Bearer ${s}` }),
  (s) => ({ authorization: `DPoP ${s}`, dpop: `${s}.${s}` }),
  (s) => ({ cookie: `theme=dark; sid=${s}` }),
  (s) => ({ 'mcp-session-id': s }),
  (s) => ({ 'x-api-key': s }),
  (s) => ({ 'proxy-authorization': `Basic ${s}` }),
  (s) => ({ signature: `sig1=:${s}:` }),
];

/** A header has no line breaks. */
function line(text: string): string {
  return text.replaceAll(/\s/g, ' ');
}

function wireOf(n: number): Wire {
  const place = PLACES[n % PLACES.length]!;
  const turn = Math.floor(n / PLACES.length);
  const choice = turn % (KINDS.length + PROOFS.length);
  const kind = KINDS[choice];
  if (kind !== undefined) return place(kind(n));
  const secret = `${n}-${CANARY}-${'zyx'.repeat(5)}`;
  const wire = place(secret);
  return { ...wire, headers: { ...wire.headers, ...PROOFS[choice - KINDS.length]?.(secret) } };
}

const check = (name: string, run: Middleware['run']): Middleware => ({ name, needs: [], adds: [], run });
const read = check('read', async ({ request }) => {
  await request.rpc();
  return {};
});
const decide = check('authorizeScopes', ({ request }) => {
  const names = JSON.stringify(request.messages?.map((message) => message.kind === 'request' && message.target.name));
  if (names.includes('crash')) throw new Error(JSON.stringify(request.messages));
  if (!names.includes('deny')) return {};
  const detail = { reason: 'no', token: request.headers, required: [] };
  throw new Denial(403, 'tool_undefined', 'No', { detail, cause: new Error(JSON.stringify(request.messages)) });
});

/** Gives back what it got, as an echo does. */
const echo: RequestListener = (req, res) => {
  const { body } = req as { body?: unknown };
  const result = { content: [{ type: 'text', text: JSON.stringify(body) }], structuredContent: { body } };
  const failed = { code: -32000, message: JSON.stringify(body), data: body };
  const answer = JSON.stringify(body ?? '').length % 3 === 0 ? { error: failed } : { result };
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ jsonrpc: '2.0', id: (body as { id?: unknown } | undefined)?.id ?? null, ...answer }));
};

describe('secrets in requests', function () {
  this.timeout(20 * 60_000);
  const written: string[] = [];
  let sandbox: TrailSandbox;
  let trail: AuditTrail;
  const servers: Server[] = [];

  const keep = (event: unknown): void => void written.push(JSON.stringify(event));
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });

  before(async () => {
    sandbox = await TrailSandbox.create();
    trail = await sandbox.open({ sinks: [keep], queue: 16_384 });
    const logger = winston.createLogger({
      format: winston.format.combine(winston.format.timestamp(), winston.format.simple()),
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its transports loosely
      transports: [new winston.transports.Stream({ stream })],
    });
    const modes: readonly AuditContentMode[] = ['none', 'keys', 'digest', 'redacted', 'full'];
    const formats: readonly AuditFormat[] = ['native', 'ocsf', 'ecs'];
    for (const [index, mode] of modes.entries()) {
      const format = formats[index % formats.length]!;
      const common = { level: 'all', arguments: mode, results: mode } as const;
      const audits = [
        auditLog({ ...common, trail }),
        auditLog({ ...common, sink: [keep, logger], format }),
        auditLog({ ...common, sink: keep, format: formats[(index + 1) % 3]! }),
      ];
      const app = express().set('trust proxy', true);
      const quiet = { onError: () => undefined };
      app.use(
        '/mcp',
        (toExpress as (...all: readonly object[]) => RequestListener)(quiet, ...audits, read, decide),
        echo,
      );
      const server = createServer(app as RequestListener).listen(0, '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
    }
  });
  after(async () => {
    for (const server of servers) server.close();
    await sandbox.remove();
  });

  it(`leave none of ${REQUESTS} in any sink or format, whatever is recorded of arguments and results`, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    let next = 0;
    const side = async (): Promise<void> => {
      while (next < REQUESTS) {
        const n = next;
        next += 1;
        await send(agent, (servers[n % servers.length]!.address() as AddressInfo).port, wireOf(n));
        while (trail.status().queued > 8000) await pause(5);
      }
    };
    await Promise.all(Array.from({ length: 16 }, side));
    agent.destroy();
    await pause(200);
    await trail.close();
    const files = await sandbox.files();
    for (const file of files) written.push(await readFile(file, 'utf8'));
    const leaks = written.flatMap((text) => {
      const at = text.toUpperCase().indexOf(CANARY);
      return at < 0 ? [] : [text.slice(Math.max(0, at - 200), at + 100)];
    });
    expect(leaks.slice(0, 5)).to.deep.equal([]);
    expect(written.length).to.be.greaterThan(REQUESTS * 4);
    expect(trail.status().lost).to.equal(0);
    expect((await verifyTrail({ files, keys: sandbox.keys })).ok).to.equal(true);
  });
});

function send(
  agent: http.Agent,
  port: number,
  { path = '/mcp', headers, body = tool('echo', {}) }: Wire,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const all = { 'content-type': 'application/json', ...headers };
    const sent = http.request({ agent, port, host: '127.0.0.1', path, method: 'POST', headers: all }, (res) => {
      res.resume().on('end', resolve).on('error', reject);
    });
    sent.on('error', reject);
    sent.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}
