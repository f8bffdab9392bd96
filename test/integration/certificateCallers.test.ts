import { expect } from 'chai';
import { CLIENTS, connect } from '../../examples/support/clients.js';
import { asService } from '../../examples/support/login.js';
import { mtlsFetch, type MtlsFetch } from '../../client/index.js';
import { authenticate, authorizeScopes, defineTools, type AnyMiddleware } from '../../lib/index.js';
import { certificateAuthority, type Authority, type Issued } from '../support/certificates.js';
import { MCP_SERVERS } from '../support/mcpServers.js';
import { serveTls, type SecureServer } from '../support/secureServer.js';

const BILLING = 'spiffe://example.org/billing';
const tools = defineTools({ whoami: { permissions: [] }, pay: { permissions: ['pay'] } });
/** Nobody signs in: the certificate says who calls. */
const login = asService({ issuer: 'https://issuer.example', service: { clientId: 'a', clientSecret: 'b', scope: '' } });

for (const [name, mount] of MCP_SERVERS) {
  describe(`callers with a certificate and no token, of ${name}`, () => {
    let authority: Authority;
    let server: SecureServer;
    let resource: string;
    const open: MtlsFetch[] = [];

    const holder = ({ cert, key }: Issued): MtlsFetch => {
      const one = mtlsFetch({ cert, key, ca: authority.ca, servers: [{ url: server.origin }] });
      open.push(one);
      return one;
    };

    before(async () => {
      authority = await certificateAuthority();
      // The port is not known before it listens, and the resource has it.
      let handle: ReturnType<typeof mount> = () => undefined;
      server = await serveTls(authority, (req, res) => {
        handle(req, res);
      });
      resource = `${server.origin}/mcp`;
      const checks: readonly AnyMiddleware[] = [
        authenticate({ issuers: [], resource, mtls: { callers: [{ clientId: 'billing', uri: BILLING }] } }),
        authorizeScopes({ tools, clients: { billing: ['pay'] } }),
      ];
      handle = mount({ checks });
    });

    after(async () => {
      await Promise.all(open.splice(0).map((one) => one.close()));
      await server.close();
    });

    for (const kind of CLIENTS) {
      it(`lets the one in that it lists, with ${kind}, and what it may do`, async () => {
        const sent: (string | null)[] = [];
        const send = holder(await authority.issue([{ type: 'url', value: BILLING }]));
        const watching: typeof fetch = (input, init) => {
          sent.push(new Headers(init?.headers).get('authorization'));
          return send(input, init);
        };
        const client = await connect(kind, resource, login, watching);
        const caller = { subject: 'billing', clientId: 'billing', scopes: [] };
        expect(JSON.parse(await client.call('whoami'))).to.deep.equal(caller);
        expect(await client.call('pay')).to.equal('paid');
        await client.close();
        expect(new Set(sent)).to.deep.equal(new Set([null]));
      });

      it(`does not let another one in that the authority knows, with ${kind}`, async () => {
        const send = holder(await authority.issue([{ type: 'url', value: 'spiffe://example.org/other' }]));
        const statuses: number[] = [];
        const watching: typeof fetch = async (input, init) => {
          const response = await send(input, init);
          if (response.url === resource) statuses.push(response.status);
          return response;
        };
        const error: unknown = await connect(kind, resource, login, watching).catch((one: unknown) => one);
        expect(error).to.be.instanceOf(Error);
        expect(new Set(statuses)).to.deep.equal(new Set([401]));
      });
    }
  });
}
