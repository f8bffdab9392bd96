import { expect } from 'chai';
import { introspect } from '../../lib/providers/index.js';
import { authenticate } from '../../middleware/authenticate.js';
import { fakeClock, verdict } from '../lib/tokens/forge.js';

describe('tokens that nobody knows', () => {
  it('are remembered as such up to 10,000, the newest', async () => {
    let asked = 0;
    const reply: typeof fetch = () => {
      asked += 1;
      return Promise.resolve(Response.json({ active: false }));
    };
    const issuer = introspect({
      issuer: 'https://as.example',
      endpoint: 'https://as.example/introspect',
      clientId: 'mcp',
      clientSecret: 's',
      negativeMaxAge: 60,
    });
    const middleware = authenticate({
      issuers: [issuer],
      resource: 'https://mcp.example/mcp',
      fetch: reply,
      now: fakeClock().now,
    });
    const ask = (index: number): Promise<string> => verdict(middleware, `Bearer t${index}`);
    for (let index = 0; index <= 10_000; index += 1) await ask(index);
    expect(asked).to.equal(10_001);
    await ask(10_000);
    await ask(1);
    expect(asked).to.equal(10_001);
    await ask(0);
    expect(asked).to.equal(10_002);
  });
});
