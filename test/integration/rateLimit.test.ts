import { expect } from 'chai';
import { CLIENTS, connect, type Connection } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import { asService } from '../../examples/support/login.js';
import { authenticate, authorizeScopes, defineTools, oidc, rateLimit } from '../../lib/index.js';
import { fakeIssuer, type FakeIssuer } from '../../lib/testing.js';
import { MCP_SERVERS } from '../support/mcpServers.js';

const tools = defineTools({ whoami: { permissions: [] }, pay: { permissions: [] } });
/** Nobody signs in: each client sends a token of its own from the start. */
const login = asService({ issuer: 'https://issuer.example', service: { clientId: 'a', clientSecret: 'b', scope: '' } });

for (const [name, mount] of MCP_SERVERS) {
  describe(`rateLimit, to official clients of ${name}`, () => {
    let issuer: FakeIssuer;
    let resource: string;
    let close: () => Promise<void>;

    before(async () => {
      const server = await listen(0);
      ({ close } = server);
      resource = `${server.origin}/mcp`;
      issuer = fakeIssuer({ resource });
      const checks = [
        authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch }),
        rateLimit({ limit: 50, windowMs: 60_000, tools: { pay: { limit: 2 } } }),
        authorizeScopes({ tools }),
      ];
      server.serve(mount({ checks }));
    });

    after(() => close());

    for (const kind of CLIENTS) {
      it(`answers the call after the limit with 429 and when to come again, with ${kind}`, async () => {
        const token = await issuer.token({ sub: kind });
        let last: Response | undefined;
        const sending: typeof fetch = async (input, init) => {
          const headers = new Headers(init?.headers);
          headers.set('authorization', `Bearer ${token}`);
          return (last = await fetch(input, { ...init, headers }));
        };
        const client: Connection = await connect(kind, resource, login, sending);
        expect([await client.call('pay'), await client.call('pay')]).to.deep.equal(['paid', 'paid']);
        const error: unknown = await client.call('pay').catch((one: unknown) => one);
        expect(error).to.be.instanceOf(Error);
        expect(last?.status).to.equal(429);
        expect(Number(last?.headers.get('retry-after'))).to.be.within(1, 60);
        expect(last?.headers.get('ratelimit')).to.match(/^"tool:pay";r=0;t=\d+$/);
        expect(JSON.parse(await client.call('whoami'))).to.include({ subject: kind });
        await client.close();
      });
    }
  });
}
