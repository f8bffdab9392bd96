import { expect } from 'chai';
import fc from 'fast-check';
import { covers, isGrant, isPermission, permissionSet } from '../../lib/permissions.js';

const segment = fc.stringMatching(/^[A-Za-z0-9._~/-]{1,6}$/);
const permission = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join(':'));
/** A small alphabet, so that grants and permissions often meet. */
const near = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 }).map((list) => list.join(':'));
const grant = fc.oneof(
  near,
  near.map((text) => `${text}:*`),
);

/** The rule in its plainest form: the segments of the grant stand before at least one more segment. */
function coversBySegments(granted: string, needed: string): boolean {
  if (granted === '*') return true;
  if (!granted.endsWith(':*')) return granted === needed;
  const above = granted.split(':').slice(0, -1);
  const segments = needed.split(':');
  return segments.length > above.length && above.every((one, index) => one === segments[index]);
}

describe('permissions', () => {
  it('are segments with colons between them', () => {
    for (const text of ['a', 'file:read', 'mcp:conformance:tools:test_simple_text', 'A.b-c~1', '//host/x']) {
      expect(isPermission(text), text).to.be.true;
    }
  });

  it('are nothing else', () => {
    const wrong: unknown[] = [
      '',
      ':',
      'a:',
      ':a',
      'a::b',
      'a b',
      ' a',
      'a ',
      'a\n',
      'a\u0000',
      'a"b',
      'a\\b',
      'a,b',
      'a%20',
      '*',
      'a:*',
      'a:*:b',
      '*:a',
      'a*',
      '\u0430', // a Cyrillic letter that looks like a
      'a\uff1ab', // a full-width colon
      'a'.repeat(257),
      undefined,
      null,
      1,
      ['a'],
      { toString: () => 'a' },
    ];
    for (const value of wrong) expect(isPermission(value), JSON.stringify(value)).to.be.false;
  });

  it('may be as long as 256 characters', () => {
    expect(isPermission('a'.repeat(256))).to.be.true;
  });

  it('can be granted, alone or with all below them', () => {
    for (const text of ['a', 'a:b', 'a:*', 'a:b:*', '*']) expect(isGrant(text), text).to.be.true;
    for (const text of ['', ':*', 'a*', '**', 'a:**', 'a:*:b', '*:a', '*:*', 'a:* ', 'a::*']) {
      expect(isGrant(text), text).to.be.false;
    }
  });

  it('are covered by themselves, by a wildcard above them, and by *', () => {
    const pairs = [
      ['a', 'a'],
      ['a:b', 'a:b'],
      ['a:*', 'a:b'],
      ['a:*', 'a:b:c'],
      ['a:b:*', 'a:b:c'],
      ['*', 'a'],
      ['*', 'a:b:c'],
    ] as const;
    for (const [granted, needed] of pairs) expect(covers(granted, needed), `${granted} ${needed}`).to.be.true;
  });

  it('are covered by nothing else', () => {
    const pairs = [
      ['a:*', 'a'],
      ['a:*', 'ab:c'],
      ['a:*', 'A:b'],
      ['a:b:*', 'a:c:d'],
      ['a:b:*', 'a:b'],
      ['a', 'a:b'],
      ['a:b', 'a'],
      ['b', 'a:b'],
      ['A', 'a'],
      ['a*', 'ab'],
      ['', 'a'],
      [':*', ':a'],
      ['*:b', 'a:b'],
    ] as const;
    for (const [granted, needed] of pairs) expect(covers(granted, needed), `${granted} ${needed}`).to.be.false;
  });

  it('never cover what is not a permission', () => {
    for (const needed of ['', '*', 'a:*', 'a:', 'a::b', 'a:b c', ' a']) {
      for (const granted of ['*', 'a:*', needed]) expect(covers(granted, needed), `${granted} ${needed}`).to.be.false;
    }
  });

  it('are covered exactly as their segments say', () => {
    fc.assert(
      fc.property(fc.oneof(grant, fc.constant('*')), near, (granted, needed) => {
        expect(covers(granted, needed)).to.equal(coversBySegments(granted, needed));
      }),
      { numRuns: 2000 },
    );
  });

  it('stay covered when more is granted', () => {
    fc.assert(
      fc.property(fc.array(grant), fc.array(grant), near, (some, more, needed) => {
        if (permissionSet(some).has(needed)) expect(permissionSet([...more, ...some]).has(needed)).to.be.true;
      }),
      { numRuns: 1000 },
    );
  });

  it('are covered by a set exactly when one of its grants covers them', () => {
    fc.assert(
      fc.property(fc.array(grant), near, (grants, needed) => {
        expect(permissionSet(grants).has(needed)).to.equal(grants.some((one) => covers(one, needed)));
      }),
      { numRuns: 1000 },
    );
  });

  it('are not covered by arbitrary text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), permission, (texts, needed) => {
        const grants = texts.filter((text) => text !== needed && !text.endsWith('*'));
        expect(permissionSet(grants).has(needed)).to.be.false;
      }),
    );
  });

  it('survive in a set without duplicates and without what is no grant', () => {
    expect(permissionSet(['a', 'a', 'b c', 'x:*', '']).list).to.deep.equal(['a', 'x:*']);
  });
});
