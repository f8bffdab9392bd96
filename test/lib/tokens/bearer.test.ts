import { expect } from 'chai';
import { bearerChallenge } from '../../../lib/tokens/bearer.js';

describe('lib/tokens/bearer', () => {
  it('names the metadata of the resource in every challenge (RFC 9728 section 5.1)', () => {
    expect(bearerChallenge('https://mcp.example/mcp/')).to.equal(
      'Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"',
    );
    expect(bearerChallenge('https://mcp.example', { error: 'insufficient_scope', scope: 'a b' })).to.equal(
      'Bearer error="insufficient_scope", scope="a b", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource"',
    );
  });

  it('lets no parameter end its quotes', () => {
    const value = bearerChallenge('https://mcp.example', { error_description: 'a", error="none\\\r\nSet-Cookie: x' });
    expect(value).to.match(/^Bearer error_description="a, error=noneSet-Cookie: x", resource_metadata="[^"\\\r\n]+"$/);
  });
});
