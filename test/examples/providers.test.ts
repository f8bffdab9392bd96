import { expect } from 'chai';
import * as providers from '../../examples/providers.js';
import { Denial } from '../../lib/index.js';
import { fakeContext, fakeIssuer } from '../../lib/testing.js';

describe('the provider configurations', () => {
  for (const [name, authenticate] of Object.entries(providers)) {
    it(`can be mounted, and let no token of somebody else in: ${name}`, async () => {
      const token = await fakeIssuer({ resource: 'https://mcp.example.com/mcp' }).token();
      const ctx = fakeContext({ headers: { authorization: `Bearer ${token}` } });
      const error = await Promise.resolve(authenticate.run(ctx)).then(
        () => undefined,
        (denial: unknown) => denial,
      );
      expect(error).to.be.an.instanceOf(Denial);
      expect(error).to.include({ status: 401, code: 'token_invalid' });
      expect((error as Denial).detail).to.deep.equal({ reason: 'issuer' });
    });
  }
});
