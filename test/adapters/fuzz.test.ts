// Arbitrary requests against real servers, byte by byte: whatever is sent, one of a few constant answers comes back.
import express from 'express';
import { expect } from 'chai';
import fc from 'fast-check';
import Koa from 'koa';
import { Denial } from '../../lib/denial.js';
import type { AnyMiddleware } from '../../lib/middleware.js';
import { check, knowsCaller } from './checks.js';
import { expressFramework } from './expressApp.js';
import { koaFramework } from './koaApp.js';
import { closeServers, connect, post, serve } from './serve.js';

/** Text that must never come back: every piece of the input is made of it. */
const CANARY = 'zqxj';
const BODY_LIMIT = 300;

const chain = (): readonly AnyMiddleware[] => [
  check('listens', undefined, {
    hooks: { headers: () => ({ 'X-Policy': 'p' }), head: () => undefined, message: (_ctx, one) => ({ ...one }) },
  }),
  knowsCaller(),
  check('reads', async ({ request: { body } }) => (await body(), {})),
  check('decides', async ({ request: { rpc } }) => {
    for (const message of await rpc()) {
      if (message.kind === 'request' && message.target.name === 'purge')
        throw new Denial(403, 'test_denied', 'Denied by a test', { policy: true });
    }
    return {};
  }),
];

const word = fc.oneof(
  fc.constant(CANARY),
  fc.string({ maxLength: 4 }).map((text) => CANARY + text),
);
const token = word.map((text) => text.replace(/[^\w-]/g, '-'));
const json = fc.json().map((text) => text.replaceAll('"', `"${CANARY}`).replaceAll(`:"${CANARY}`, ':"'));
const rpc = fc
  .record(
    {
      jsonrpc: fc.constantFrom('2.0', '1.0', CANARY),
      id: fc.oneof(fc.integer(), fc.constant('id-7'), fc.constant(null), fc.constant({ a: CANARY })),
      method: fc.oneof(fc.constantFrom('tools/call', 'ping', '__proto__'), word),
      params: fc.oneof(
        fc.constantFrom({ name: 'purge' }, { name: CANARY }, [], null),
        fc.dictionary(word, fc.jsonValue()),
      ),
      [CANARY]: fc.constant(CANARY),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));
const valid = fc
  .record({
    jsonrpc: fc.constant('2.0'),
    id: fc.integer(),
    method: fc.constant('tools/call'),
    params: fc.record({ name: fc.constantFrom('purge', CANARY) }),
  })
  .map((value) => JSON.stringify(value));
const text = fc.oneof(
  { weight: 3, arbitrary: valid },
  { weight: 3, arbitrary: rpc },
  { weight: 2, arbitrary: fc.array(rpc, { maxLength: 3 }).map((list) => `[${list.join()}]`) },
  json,
  word,
);
const body = fc.oneof(
  { weight: 4, arbitrary: text.map((one) => Buffer.from(one)) },
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from([...bytes])),
  fc.constant(Buffer.alloc(BODY_LIMIT + 1, CANARY)),
);

const headerValue = fc.oneof(
  word,
  fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replace(/[^\x20-\x7e\x80-\xff]/g, '') + CANARY),
  fc.base64String({ maxLength: 8 }).map((value) => `=?base64?${value}?=`),
);
const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'Mcp-Method',
      'Mcp-Name',
      'MCP-Protocol-Version',
      'X-Forwarded-Host',
      'Authorization',
      '__proto__',
      'constructor',
    ),
    headerValue,
  ),
  fc.tuple(fc.constantFrom('Content-Encoding'), fc.constantFrom('gzip', 'identity', CANARY)),
  fc.tuple(token, headerValue),
);
const asked = fc.record({
  method: fc.oneof(
    { weight: 5, arbitrary: fc.constant('POST') },
    fc.constantFrom('GET', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'),
  ),
  path: token.map((one) => `/${one}`),
  caller: fc.boolean(),
  type: fc.oneof(
    { weight: 5, arbitrary: fc.constant('application/json') },
    word.map((one) => one.replace(/[^\x20-\x7e]/g, '')),
  ),
  headers: fc.array(header, { maxLength: 4 }),
  body,
  chunks: fc.option(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 10 }), { nil: undefined }),
});
type Asked = typeof asked extends fc.Arbitrary<infer Value> ? Value : never;

/** The bytes of a request, with a declared length or in chunks. */
function bytesOf({ method, path, caller, type, headers, body: bytes, chunks }: Asked): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: h',
    'Connection: close',
    `Content-Type: ${type}`,
    ...(caller ? ['X-Caller: alice'] : []),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    chunks === undefined ? `Content-Length: ${bytes.length}` : 'Transfer-Encoding: chunked',
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return Buffer.concat([head, ...(chunks === undefined ? [bytes] : chunked(bytes, chunks))]);
}

function chunked(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    const part = bytes.subarray(at, at + length);
    if (part.length > 0) parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
    at += length;
  }
  return [...parts, Buffer.from('0\r\n\r\n')];
}

const ANSWERS = new Set([
  '200 ok',
  '200 test_denied',
  '400 json_malformed',
  '400 rpc_malformed',
  '400 content_unexpected',
  '400 header_mismatch',
  '400 node',
  '401 test_caller_missing',
  '413 body_too_large',
  '415 media_type_unsupported',
  '415 encoding_unsupported',
]);

/** The status and the code of an answer. */
function summary(received: string): string {
  const [, status = '?'] = /^HTTP\/1\.1 (\d+) /.exec(received) ?? [];
  const code = /"data":\{"code":"(\w+)"\}/.exec(received)?.[1];
  return `${status} ${code ?? (status === '200' ? 'ok' : 'node')}`;
}

for (const [name, framework] of Object.entries({
  'Express 5': expressFramework(express),
  'Koa 3': koaFramework(Koa),
})) {
  describe(`any request to ${name}`, () => {
    afterEach(closeServers);

    it('gets a constant answer that repeats nothing but the id', async () => {
      const internal: unknown[] = [];
      const options = {
        bodyLimit: BODY_LIMIT,
        policyDenials: 'rpc' as const,
        onError: (error: unknown): void => void internal.push(error),
      };
      const port = await serve(framework.build({ mounts: [[options, ...chain()]] }));
      const seen = new Set<string>();
      const property = fc.asyncProperty(asked, async (one) => {
        const wire = await connect(port);
        wire.send(bytesOf(one));
        const received = await wire.untilClosed();
        wire.destroy();
        expect(internal).to.deep.equal([]);
        expect(received).to.not.include(CANARY);
        if (one.method !== 'HEAD') expect(ANSWERS).to.include(summary(received));
        seen.add(summary(received));
      });
      // Known requests that reach every corner, else the property would say little; then others each time.
      await fc.assert(property, { numRuns: 400, seed: 7 });
      expect([...ANSWERS].filter((answer) => answer !== '400 node' && !seen.has(answer))).to.deep.equal([]);
      await fc.assert(property, { numRuns: 200 });
    });

    it('may break off anywhere, and may be no HTTP at all', async () => {
      const internal: unknown[] = [];
      const options = { onError: (error: unknown): void => void internal.push(error) };
      const port = await serve(framework.build({ mounts: [[options, ...chain()]] }));
      const bytes = fc.oneof(
        fc.array(asked, { maxLength: 3 }).map((list) => Buffer.concat(list.map(bytesOf))),
        fc.uint8Array({ maxLength: 80 }),
      );
      await fc.assert(
        fc.asyncProperty(bytes, fc.nat(1000), async (all, at) => {
          const wire = await connect(port);
          wire.send(all.subarray(0, at % (all.length + 1)));
          await new Promise(setImmediate);
          wire.destroy();
        }),
        { numRuns: 200 },
      );
      const wire = await connect(port);
      wire.send(post({ jsonrpc: '2.0', id: 7, method: 'ping' }, { 'X-Caller': 'alice' }));
      expect(await wire.until('"ok":true')).to.match(/^HTTP\/1\.1 200 /);
      expect(internal).to.deep.equal([]);
    });
  });
}
