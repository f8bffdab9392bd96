import { expect } from 'chai';
import fc from 'fast-check';
import { TOOL_CALL, type Hop, type HopClaims } from '../../../lib/callchain/hop.js';
import { hopOf, type SentHop } from '../../../lib/callchain/hopClaims.js';
import { signHop } from '../../../lib/callchain/signHop.js';
import { writtenHop } from '../../../lib/callchain/writtenHop.js';
import { isDenial } from '../../../lib/index.js';
import { JsonError, parseStrictJson } from '../../../lib/json/strict.js';
import { fakeSigner } from '../../../lib/testing.js';
import type { Members } from '../../../lib/tokens/jwt.js';

const SENT: SentHop = { token: 'h.c.s', signed: 'h.c', algorithm: 'ES256', keyId: 'k'.repeat(43) };

const textOf = (
  units: string,
  size: { readonly minLength: number; readonly maxLength: number },
): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...units.split('')), ...size });
const digest = textOf('ABCXYZabcxyz0189_-', { minLength: 43, maxLength: 43 });
const hex = textOf('0123456789abcdef', { minLength: 64, maxLength: 64 });
const name = textOf('aZ09._-', { minLength: 1, maxLength: 128 });
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const claims: fc.Arbitrary<HopClaims> = fc.record({
  issuer: fc.string({ minLength: 1, maxLength: 60 }),
  audience: fc.webUrl(),
  subject: maybe(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })),
  transaction: textOf('aZ09_.~:-', { minLength: 8, maxLength: 128 }),
  issuedAt: fc.nat(),
  expiresAt: fc.integer({ min: 2 ** 31, max: 2 ** 34 }),
  depth: fc.nat(8),
  maxDepth: fc.nat(8),
  parent: maybe(digest),
  caller: maybe(name),
  permissions: fc.uniqueArray(fc.constantFrom('file:read', 'file:write', 'audit:log')),
  nextKey: maybe(digest),
  tool: name,
  argumentsDigest: digest,
  toolDigest: maybe(hex.map((text) => `sha256:${text}`)),
});

describe('a hop in the form in which it is written', () => {
  const signing = fakeSigner().then((signer) => signer.current());
  const written = async (hop: HopClaims): Promise<string> => {
    const [, part = ''] = (await signHop(hop, await signing)).split('.');
    return Buffer.from(part, 'base64url').toString();
  };
  /** What the way for all others says; nothing where it denies. */
  const readAny = (text: string): Hop | undefined => {
    try {
      return hopOf(SENT, parseStrictJson(text) as Members);
    } catch (error) {
      if (error instanceof JsonError || isDenial(error)) return undefined;
      throw error;
    }
  };
  const example = (more: Partial<HopClaims> = {}): Promise<string> =>
    written({
      issuer: 'https://a.example/mcp',
      audience: 'https://b.example/mcp',
      subject: 'user|1',
      transaction: 'transaction-1',
      issuedAt: 1_800_000_000,
      expiresAt: 1_800_000_060,
      depth: 1,
      maxDepth: 4,
      parent: 'p'.repeat(43),
      caller: undefined,
      permissions: ['file:read', 'audit:log'],
      nextKey: undefined,
      tool: 'read',
      argumentsDigest: 'd'.repeat(43),
      toolDigest: undefined,
      ...more,
    });

  it('is read as all others are', async () => {
    await fc.assert(
      fc.asyncProperty(claims, async (hop) => {
        const text = await written(hop);
        const quick = writtenHop(SENT, text);
        const isPlain = /^[ !#-[\]-~]*$/.test(`${hop.issuer}${hop.audience}${hop.subject ?? ''}`);
        expect(quick !== undefined).to.equal(isPlain);
        if (quick !== undefined) expect(quick).to.deep.equal(readAny(text));
      }),
      { numRuns: 500 },
    );
  });

  it('is never read where all others are denied, or as something else, whatever is changed in it', async () => {
    const character = fc.oneof(
      textOf('",:{}[]\\0129-.eE \t\n', { minLength: 1, maxLength: 1 }),
      fc.string({ minLength: 1, maxLength: 1 }),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(claims, fc.nat(), fc.nat(2), character, async (hop, seed, length, by) => {
        const text = await written({ ...hop, issuer: 'https://a.example/mcp', subject: 'user|1' });
        const at = seed % text.length;
        const changed = `${text.slice(0, at)}${by}${text.slice(at + length)}`;
        const quick = writtenHop(SENT, changed);
        if (quick === undefined) return;
        read += 1;
        expect(quick).to.deep.equal(readAny(changed));
      }),
      { numRuns: 3000 },
    );
    expect(read, 'changes that leave a hop').to.be.greaterThan(100);
  });

  it('has the members that are there, and no others', async () => {
    const hop = writtenHop(SENT, await example());
    expect(hop).to.deep.include({ ...SENT, issuer: 'https://a.example/mcp', depth: 1, maxDepth: 4, tool: 'read' });
    expect(hop).to.deep.include({ caller: undefined, nextKey: undefined, toolDigest: undefined });
    expect(hop?.permissions).to.deep.equal(['file:read', 'audit:log']);
  });

  const changes: readonly (readonly [string, (text: string) => string, 'read' | 'denied'])[] = [
    ['a name twice', (text) => text.replace('"scope"', '"txn":"transaction-2","scope"'), 'denied'],
    ['a name twice at the end', (text) => text.replace(/\}$/, ',"iss":"https://c.example"}'), 'denied'],
    ['a further claim', (text) => text.replace(/\}$/, ',"more":1}'), 'read'],
    ['another order', (text) => text.replace(/("iat":\d+),("exp":\d+)/, '$2,$1'), 'read'],
    ['blanks', (text) => text.replace('"iat":', '"iat": '), 'read'],
    ['an escaped letter', (text) => text.replace('user|1', 'user\\u007c1'), 'read'],
    ['the claim nbf', (text) => text.replace('"exp"', '"nbf":1,"exp"'), 'denied'],
    ['a number that loses digits', (text) => text.replace('1800000060', '18000000600000000001'), 'denied'],
    ['a fraction', (text) => text.replace('1800000060', '1800000060.5'), 'denied'],
    ['an end before its beginning', (text) => text.replace('1800000060', '1800000000'), 'denied'],
    ['a location that is not its audience', (text) => text.replace('["https://b', '["https://c'), 'denied'],
    ['two locations', (text) => text.replace('["https://b', '["https://c","https://b'), 'denied'],
    ['another action', (text) => text.replace('tools/call', 'tools/list'), 'denied'],
    ['another type', (text) => text.replace(TOOL_CALL, 'https://mcp-etdiXgithub.io/tool-call'), 'denied'],
    ['a wildcard for a permission', (text) => text.replace('file:read', 'file:*'), 'denied'],
    ['two blanks between permissions', (text) => text.replace('file:read ', 'file:read  '), 'denied'],
    ['a text that is too long', (text) => text.replace('user|1', 'u'.repeat(2049)), 'denied'],
    ['a line feed at the end', (text) => `${text}\n`, 'read'],
    ['a second value', (text) => `${text}{}`, 'denied'],
  ];
  for (const [what, change, verdict] of changes) {
    it(`is left to the way for all others with ${what}, which ${verdict === 'read' ? 'reads' : 'denies'} it`, async () => {
      const text = await example();
      const changed = change(text);
      expect(changed).not.to.equal(text);
      expect(writtenHop(SENT, changed)).to.equal(undefined);
      expect(readAny(changed) !== undefined).to.equal(verdict === 'read');
    });
  }
});
