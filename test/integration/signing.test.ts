import { expect } from 'chai';
import { signingFetch } from '../../client/index.js';
import { CLIENTS, type ClientKind } from '../../examples/support/clients.js';
import { listen, type Loopback } from '../../examples/support/loopback.js';
import { fakeIssuer, fakeSigner, type FakeIssuer, type FakeSigner } from '../../lib/testing.js';
import {
  authenticate,
  authorizeScopes,
  oidc,
  verifySignature,
  type AnyMiddleware,
  type SignatureMode,
} from '../../lib/index.js';
import { connectClient, STACKS, tools, WIRINGS, type Connected, type Wiring } from './signingServers.js';

const owner = 'https://agent.example.com';
const clientId = 'agent-7';

/** One request as the server let it through. */
interface Admitted {
  readonly method: string;
  readonly keyId: string | undefined;
  readonly observed: string | undefined;
}

/** A server on a port of its own, and what it let through and denied. */
interface Running {
  readonly resource: string;
  readonly admitted: Admitted[];
  readonly denied: string[];
  readonly token: () => Promise<string>;
  readonly close: () => Promise<void>;
}

async function run(wiring: Wiring, mode: SignatureMode, signer: FakeSigner): Promise<Running> {
  const server: Loopback = await listen(0);
  const resource = `${server.origin}/mcp`;
  const issuer: FakeIssuer = fakeIssuer({ resource });
  const admitted: Admitted[] = [];
  const denied: string[] = [];
  const watch: AnyMiddleware = {
    name: 'watch',
    needs: [],
    adds: [],
    run: () => ({}),
    hooks: {
      admitted: ({ request: { method }, state: { signature, observed } }) =>
        void admitted.push({ method, keyId: signature?.keyId, observed: observed?.code }),
      decided: (_ctx, decision) => {
        if (decision.effect === 'deny') denied.push(decision.code);
      },
    },
  };
  const app = wiring.app([
    authenticate({ issuers: [oidc({ issuer: issuer.issuer })], resource, fetch: issuer.fetch }),
    verifySignature({ keys: [{ owner, clientId, jwks: signer.jwks }], resource, tools, mode }),
    authorizeScopes({ tools }),
    watch,
  ]);
  server.serve(app);
  const claims = { client_id: clientId, sub: 'carol', scope: 'mcp math' };
  return { resource, admitted, denied, token: () => issuer.token(claims), close: server.close };
}

describe('signed requests of official clients', () => {
  let signer: FakeSigner;

  before(async () => {
    signer = await fakeSigner();
  });

  for (const [name, wiring] of Object.entries(WIRINGS)) {
    describe(`to ${name}, which takes nothing unsigned`, () => {
      let server: Running;

      before(async () => {
        server = await run(wiring, 'all', signer);
      });

      after(() => server.close());

      for (const kind of CLIENTS) {
        describe(`from ${kind}`, () => {
          itSigns(kind, wiring, () => ({ server, signer }));
        });
      }
    });
  }

  for (const [name, wiring] of STACKS) {
    for (const mode of ['off', 'observe'] as const) {
      describe(`beside unsigned ones, to ${name} in mode ${mode}`, () => {
        let server: Running;

        before(async () => {
          server = await run(wiring, mode, signer);
        });

        after(() => server.close());

        for (const kind of CLIENTS) {
          it(`leave an unmodified ${kind} as it was, but for tools that ask for a signature`, async () => {
            const { resource } = server;
            const headers = { authorization: `Bearer ${await server.token()}` };
            const unmodified = await connectClient(kind, resource, { headers });
            const signing = await connectClient(kind, resource, { headers, fetch: signingFetch({ signer, resource }) });
            for (const [client, keyId] of [
              [unmodified, null],
              [signing, signer.keyId],
            ] as const) {
              expect(await client.tools()).to.include.members(['whoami', 'wipe']);
              expect(JSON.parse(await client.call('whoami'))).to.deep.equal({ subject: 'carol', keyId });
              expect(await client.call('add', { a: 2, b: 3 })).to.equal('5');
            }
            expect(await signing.call('wipe')).to.equal('wiped');
            const recorded = server.admitted.splice(0).flatMap(({ observed = [] }) => observed);
            expect(recorded).to.deep.equal(mode === 'observe' ? Array(2).fill('signature_required') : []);
            expect(server.denied).to.deep.equal([]);
            const failed: unknown = await unmodified.call('wipe').catch((error: unknown) => error);
            expect(failed).to.be.instanceOf(Error);
            expect((failed as Error).message).to.include('signature_required');
            expect(server.denied.splice(0)).to.deep.equal(['signature_required']);
            await unmodified.close();
            await signing.close();
          });
        }
      });
    }
  }
});

type Current = () => { readonly server: Running; readonly signer: FakeSigner };

function itSigns(kind: ClientKind, { line, sessions }: Wiring, current: Current): void {
  const era = kind === 'client v2 auto' && line === 'v2' ? 'modern' : 'legacy';
  let client: Connected;

  before(async () => {
    const { server, signer } = current();
    server.admitted.length = server.denied.length = 0;
    const headers = { authorization: `Bearer ${await server.token()}` };
    const fetch = signingFetch({ signer, resource: server.resource });
    client = await connectClient(kind, server.resource, { fetch, headers });
  });

  after(() => client.close());

  it(`connects, in the ${era} protocol`, () => {
    expect(client.era()).to.equal(era);
  });

  it('lists tools', async () => {
    expect(await client.tools()).to.have.members(tools.names);
  });

  it('calls tools, and the handler knows who signed', async () => {
    const { keyId } = current().signer;
    expect(JSON.parse(await client.call('whoami'))).to.deep.equal({ subject: 'carol', keyId });
    expect(await client.call('add', { a: 2, b: 3 })).to.equal('5');
    expect(await client.call('wipe')).to.equal('wiped');
  });

  if (sessions) {
    it('opens a stream for what the server says of itself, and hears it', async () => {
      const { admitted } = current().server;
      while (!admitted.some(({ method }) => method === 'GET')) await new Promise((resolve) => setTimeout(resolve, 5));
      await client.call('announce');
      await client.changed;
    });

    it('ends its session', async () => {
      const { admitted } = current().server;
      await client.terminate();
      expect(admitted.filter(({ method }) => method === 'DELETE')).to.have.lengthOf(1);
    });
  }

  it('has signed every request, and none was denied', () => {
    const { server, signer } = current();
    const expected = sessions ? ['POST', 'GET', 'DELETE'] : ['POST', ...(era === 'legacy' ? ['GET'] : [])];
    expect([...new Set(server.admitted.map(({ method }) => method))]).to.have.members(expected);
    expect(new Set(server.admitted.map(({ keyId }) => keyId))).to.deep.equal(new Set([signer.keyId]));
    expect(server.denied).to.deep.equal([]);
  });
}
