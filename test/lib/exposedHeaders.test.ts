import { expect } from 'chai';
import { exposedHeaders } from '../../lib/index.js';

describe('exposedHeaders', () => {
  it('names what a client in a web page must be able to read', () => {
    const lower = exposedHeaders.map((name) => name.toLowerCase());
    expect(lower).to.include.members([
      'www-authenticate',
      'dpop-nonce',
      'accept-signature',
      'mcp-protocol-version',
      'mcp-session-id',
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
    ]);
    expect(new Set(lower)).to.have.lengthOf(exposedHeaders.length);
  });

  it('is made of header names, none of them a wildcard, which would not cover credentials', () => {
    for (const name of exposedHeaders) expect(name).to.match(/^[A-Za-z][A-Za-z-]*$/);
  });

  it('cannot be changed by one user for all others', () => {
    expect(exposedHeaders).to.be.frozen;
  });
});
