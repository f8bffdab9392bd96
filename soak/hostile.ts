// What no client sends.
import { randomBytes } from 'node:crypto';
import type { Kind } from './kind.js';
import { bearer, call, chainFor, list, reports, signed, user } from './requests.js';
import { CALL_CHAIN } from '../lib/testing.js';
import type { Outgoing, RawBytes } from './send.js';
import { HOST } from './fixture.js';
import { endure, withhold } from './verdict.js';
import type { World } from './world.js';

/** Bytes on a connection, made with a token that is good: nothing but the bytes is wrong. */
function raw(name: string, weight: number, make: (token: string, id: string) => RawBytes): Kind {
  const run: Kind['run'] = async ({ authority, sender }, id) => sender.raw(make(await authority.token(user()), id));
  return { name, group: 'hostile', weight, expected: withhold, run };
}

/** A request that is HTTP, and nothing else that is good. */
function odd(name: string, weight: number, make: (world: World, id: string) => Promise<Outgoing>): Kind {
  const run: Kind['run'] = async (world, id) => world.sender.send(await make(world, id));
  return { name, group: 'hostile', weight, expected: withhold, run };
}

/** The head of a request, with these lines. */
const head = (token: string, ...lines: readonly string[]): string =>
  ['POST /mcp HTTP/1.1', `Host: ${HOST}`, 'Content-Type: application/json', `Authorization: Bearer ${token}`, ...lines]
    .join('\r\n')
    .concat('\r\n\r\n');
const lengthOf = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}`;
const chunked = (body: string): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const CONNECTIONS: readonly Kind[] = [
  raw('random bytes', 1, () => ({ pieces: [randomBytes(1 + Math.floor(Math.random() * 4096))] })),
  raw('random bytes after a request line', 1, () => ({ pieces: ['POST /mcp HTTP/1.1\r\n', randomBytes(512)] })),
  raw('huge header', 0.5, (token, id) => ({
    pieces: [head(token, lengthOf(list(id)), `X-Padding: ${'a'.repeat(20_000)}`), list(id)],
  })),
  raw('too many headers', 0.5, (token, id) => ({
    pieces: [head(token, lengthOf(list(id)), ...Array.from({ length: 3000 }, (_, at) => `X-${at}: x`)), list(id)],
  })),
  raw('head that never ends', 0.3, (token) => ({
    pieces: [head(token).trimEnd(), ...Array.from({ length: 12 }, (_, at) => `\r\nX-${at}: x`)],
    everyMs: 500,
  })),
  raw('body that never ends', 0.3, (token, id) => ({
    pieces: [head(token, 'Content-Length: 4000'), ...list(id).split('')],
    everyMs: 400,
  })),
  raw('chunks that never end', 0.3, (token) => ({
    pieces: [head(token, 'Transfer-Encoding: chunked'), ...Array.from({ length: 40 }, () => '1\r\n \r\n')],
    everyMs: 400,
  })),
  raw('connection that is cut in the head', 1, (token) => ({ pieces: [head(token).slice(0, 90)], cut: true })),
  raw('connection that is cut in the body', 1, (token, id) => ({
    pieces: [head(token, lengthOf(list(id))), list(id).slice(0, 20)],
    cut: true,
  })),
];

/** Where a proxy and the server may disagree about where a request ends, and a second one is hidden. */
const SMUGGLED: readonly Kind[] = [
  raw('length and chunks', 0.5, (token, id) => ({
    pieces: [head(token, lengthOf(chunked(list(id))), 'Transfer-Encoding: chunked'), chunked(list(id))],
  })),
  raw('two lengths', 0.5, (token, id) => ({
    pieces: [head(token, lengthOf(list(id)), `Content-Length: ${Buffer.byteLength(list(id)) + 5}`), list(id)],
  })),
  raw('coding that nobody knows', 0.5, (token, id) => ({
    pieces: [head(token, 'Transfer-Encoding: xchunked'), chunked(list(id))],
  })),
  raw('coding in two lines', 0.5, (token, id) => ({
    pieces: [head(token, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'), chunked(list(id))],
  })),
  raw('space before the colon', 0.5, (token, id) => ({
    pieces: [head(token, `Content-Length : ${Buffer.byteLength(list(id))}`), list(id)],
  })),
  raw('line that is folded', 0.5, (token, id) => ({
    pieces: [head(token, 'X-Folded: a', ' Transfer-Encoding: chunked', lengthOf(list(id))), list(id)],
  })),
  raw('two tokens', 0.5, (token, id) => ({
    pieces: [head(token, `Authorization: Bearer ${token}`, lengthOf(list(id))), list(id)],
  })),
  raw('two hosts', 0.5, (token, id) => ({
    pieces: [head(token, `Host: ${HOST}`, lengthOf(list(id))), list(id)],
  })),
  raw('chunk whose length is no number', 0.5, (token, id) => ({
    pieces: [head(token, 'Transfer-Encoding: chunked'), `0x${chunked(list(id))}`],
  })),
];

const BODIES: readonly Kind[] = [
  odd('deep JSON', 0.5, async ({ authority }) => ({
    headers: bearer(await authority.token(user())),
    body: deep(100_000),
  })),
  odd('bytes that are no UTF-8', 0.5, async ({ authority }, id) => ({
    headers: bearer(await authority.token(user())),
    body: Buffer.concat([
      Buffer.from(list(id).slice(0, -1)),
      Buffer.from([0x2c, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
    ]),
  })),
  odd('body over the limit', 0.05, async ({ authority }) => ({
    headers: bearer(await authority.token(user())),
    body: Buffer.alloc(5 * 1024 * 1024, 0x20),
  })),
  odd('body that is compressed', 0.5, async ({ authority }) => ({
    headers: bearer(await authority.token(user()), { 'content-encoding': 'gzip' }),
    body: randomBytes(200),
  })),
  odd('token of 12,000 characters', 0.5, (_world, id) =>
    Promise.resolve({ headers: bearer('e'.repeat(12_000)), body: list(id) }),
  ),
  odd('signature of random bytes', 0.5, async ({ authority }, id) => ({
    headers: bearer(await authority.token(user()), {
      'signature-input': randomBytes(300).toString('base64'),
      signature: randomBytes(300).toString('base64'),
    }),
    body: list(id),
  })),
];

/** Arguments that are JSON, in calls that are good. Whether the server likes them is its own affair. */
const ARGUMENTS: readonly (readonly [name: string, text: string])[] = [
  ['arguments that are deep', deep(50_000)],
  ['number beyond all others', '1e999'],
  ['member that is there twice', '{"a":1,"a":2}'],
  ['member of the name of a prototype', '{"__proto__":{"isAdmin":true},"constructor":{"prototype":1}}'],
  ['half of a character', '"\\ud800"'],
  ['controls and line breaks', '"\\u001b[2J\\u2028\\r\\n{}"'],
];

const ENDURED: readonly Kind[] = ARGUMENTS.flatMap(([name, text]) =>
  (['signed', 'with a chain'] as const).map((how) => ({
    name: `${name}, ${how}`,
    group: 'hostile',
    weight: 0.3,
    expected: endure,
    run: async (world, id) => world.sender.send(await strange(world, `odd-${id}`, text, how === 'signed')),
  })),
);

/** The text goes into the body as it is. A chain cannot be for it: its digest is that of other arguments. */
async function strange(world: World, id: string, text: string, byAgent: boolean): Promise<Outgoing> {
  const chain = byAgent ? {} : { _meta: { [CALL_CHAIN]: await chainFor(world, id) } };
  const body = call(id, 'read', { arguments: { text: 'HERE' }, ...chain }).replace('"HERE"', () => text);
  const token = await world.authority.token(byAgent ? user() : reports);
  return signed(byAgent ? world.agent.signer('request') : world.reports, bearer(token), body);
}

export const HOSTILE: readonly Kind[] = [...CONNECTIONS, ...SMUGGLED, ...BODIES, ...ENDURED];
