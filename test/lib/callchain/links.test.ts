import { expect } from 'chai';
import { hopDigest, type Hop } from '../../../lib/callchain/hop.js';
import { assertLinked, isCircular } from '../../../lib/callchain/links.js';

describe('the links of a chain', () => {
  const first: Hop = {
    token: 'h.first.s',
    signed: 'h.first',
    algorithm: 'ES256',
    keyId: 'k'.repeat(43),
    issuer: 'https://a.example/mcp',
    audience: 'https://b.example/mcp',
    subject: 'ann',
    transaction: 'transaction-1',
    id: 'j'.repeat(22),
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_000_060,
    depth: 0,
    maxDepth: 4,
    parent: undefined,
    caller: undefined,
    nextKey: undefined,
    permissions: [],
    tool: 'read',
    argumentsDigest: 'd'.repeat(43),
    toolDigest: undefined,
  };
  const next: Hop = {
    ...first,
    issuer: first.audience,
    audience: 'https://c.example/mcp',
    parent: hopDigest(first.signed),
    depth: 1,
  };

  it('may have one id of two issuers, and not of one', () => {
    expect(() => {
      assertLinked([first, next]);
    }).not.to.throw();
    const again: Hop = { ...next, issuer: first.issuer };
    expect(() => {
      assertLinked([first, again]);
    })
      .to.throw()
      .with.deep.property('detail', { reason: 'jti' });
  });

  it('have a tool once on each server', () => {
    const [a, b] = [
      { resource: 'https://a.example/mcp', tool: 'read' },
      { resource: 'https://b.example/mcp', tool: 'read' },
    ];
    expect(isCircular([a, b, { ...a, tool: 'write' }])).to.equal(false);
    expect(isCircular([a, b, { ...a }])).to.equal(true);
  });
});
