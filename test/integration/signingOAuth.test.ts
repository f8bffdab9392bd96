import { expect } from 'chai';
import express from 'express';
import { serveExpress } from '../../adapters/express.js';
import { signingFetch } from '../../client/index.js';
import {
  SCOPES,
  startAuthorizationServer,
  type AuthorizationServer,
} from '../../examples/support/authorizationServer.js';
import { claimsOf } from '../../examples/support/attempts.js';
import { CLIENTS, connect, type Connection } from '../../examples/support/clients.js';
import { listen } from '../../examples/support/loopback.js';
import { asUser } from '../../examples/support/login.js';
import {
  authenticate,
  authorizeScopes,
  oidc,
  protectedResource,
  verifySignature,
  type Signer,
} from '../../lib/index.js';
import { fakeSigner, type FakeSigner } from '../../lib/testing.js';
import { tools, WIRINGS } from './signingServers.js';

const owner = 'https://agent.example.com';
const SERVERS = ['Express and sdk v1', 'Koa and server v2'] as const;

/** What is done to a request between the client that signed it and the server. */
type Fault = (init: RequestInit) => { readonly init: RequestInit; readonly query?: string };

const without = ({ headers, ...init }: RequestInit, ...names: string[]): RequestInit => {
  const left = new Headers(headers);
  for (const name of names) left.delete(name);
  return { ...init, headers: left };
};
const textOf = ({ body }: RequestInit): string => {
  if (body instanceof URLSearchParams) return body.toString();
  return typeof body === 'string' ? body : '';
};
const replaced = ({ headers, ...init }: RequestInit, name: string, from: RegExp | string, to: string): RequestInit => {
  const changed = new Headers(headers);
  changed.set(name, (changed.get(name) ?? '').replace(from, to));
  return { ...init, headers: changed };
};

describe('an official client with OAuth', () => {
  let as: AuthorizationServer;
  let signer: FakeSigner;
  let stranger: FakeSigner;

  before(async () => {
    as = await startAuthorizationServer();
    [signer, stranger] = [await fakeSigner(), await fakeSigner()];
  });

  after(() => as.close());

  for (const name of SERVERS) {
    for (const kind of CLIENTS) {
      describe(`${kind}, of ${name}`, () => {
        /** The grants that were asked of the authorization server. */
        const grants: string[] = [];
        let current: Signer;
        let fault: Fault | undefined;
        let used: RequestInit = {};
        let seconds = 0;
        /** How far the clock of the signer is ahead, in seconds. */
        let ahead = 0;
        let resource: string;
        let client: Connection;
        let close: () => Promise<void>;

        const sending: typeof fetch = async (input, init = {}) => {
          const grant = new URLSearchParams(textOf(init)).get('grant_type');
          if (grant !== null) grants.push(grant);
          const changed = init.method === 'POST' ? fault?.(init) : undefined;
          if (fault === undefined) used = init;
          return fetch(changed?.query === undefined ? input : `${resource}${changed.query}`, changed?.init ?? init);
        };

        before(async () => {
          [current, fault, seconds] = [signer, undefined, 0];
          const server = await listen(0);
          close = server.close;
          resource = `${server.origin}/mcp`;
          as.resources.add(resource);
          const now = (): Date => new Date(Date.now() + seconds * 1000);
          const scopes = [...SCOPES, 'offline_access'];
          const app = express();
          app.use(serveExpress(protectedResource({ resource, authorizationServers: [as.issuer] })));
          const clients = [{ owner, clientId: as.app.clientId, jwks: signer.jwks }];
          app.use(
            WIRINGS[name]!.app([
              authenticate({ issuers: [oidc({ issuer: as.issuer })], resource, scopes, now }),
              verifySignature({ keys: clients, resource, tools, mode: 'all' }),
              authorizeScopes({ tools, base: [] }),
            ]),
          );
          server.serve(app);
          const clock = (): Date => new Date(Date.now() + ahead * 1000);
          const signs: Signer = { current: () => current.current() };
          const fetching = signingFetch({ signer: signs, resource, fetch: sending, now: clock });
          client = await connect(kind, resource, asUser(as), fetching);
          expect(await client.call('wipe')).to.equal('wiped');
        });

        after(async () => {
          await client.close();
          await close();
        });

        const faults: Readonly<Record<string, Fault>> = {
          'that is not signed': (init) => ({ init: without(init, 'signature', 'signature-input', 'content-digest') }),
          'with another body': (init) => ({ init: { ...init, body: textOf(init).replace('whoami', 'wipe') } }),
          'to another target': (init) => ({ init, query: '?admin' }),
          'with a digest of another body': (init) => ({ init: replaced(init, 'content-digest', /:./, ':A') }),
          'with another signature': (init) => ({ init: replaced(init, 'signature', /:.../, ':AAA') }),
          'whose signature is not one': (init) => ({ init: replaced(init, 'signature', /:.*:/, '1') }),
          'whose signature lives longer': (init) => ({
            init: replaced(init, 'signature-input', /expires=\d/, 'expires=2'),
          }),
          'with a key that is a path': (init) => ({ init: replaced(init, 'signature-input', /keyid="/, 'keyid="../') }),
          'that was sent before': () => ({ init: used }),
        };
        for (const [what, change] of Object.entries(faults)) {
          it(`neither refreshes nor signs in again for a request ${what}`, async () => {
            grants.length = 0;
            await client.call('whoami');
            fault = change;
            const error: unknown = await client.call('whoami').catch((thrown: unknown) => thrown);
            fault = undefined;
            expect(error).to.be.instanceOf(Error);
            expect((error as Error).message).to.match(/signature_(required|invalid|malformed)/);
            expect(grants).to.deep.equal([]);
            expect(JSON.parse(await client.call('whoami'))).to.deep.include({ keyId: signer.keyId });
            expect(grants).to.deep.equal([]);
          });
        }

        const clocks: readonly (readonly [string, number])[] = [
          ['signed too long ago', -120],
          ['signed in the future', 120],
        ];
        for (const [what, by] of clocks) {
          it(`neither refreshes nor signs in again for a request ${what}`, async () => {
            grants.length = 0;
            await client.call('whoami');
            ahead = by;
            const error: unknown = await client.call('whoami').catch((thrown: unknown) => thrown);
            ahead = 0;
            expect((error as Error).message).to.include('signature_invalid');
            expect(grants).to.deep.equal([]);
          });
        }

        it('neither refreshes nor signs in again for a request whose token was swapped', async () => {
          grants.length = 0;
          await client.call('whoami');
          const token = await as.sign({ ...claimsOf(as, resource), sub: 'victim', client_id: as.app.clientId });
          fault = (init) => ({ init: replaced(init, 'authorization', /^.*$/, `Bearer ${token}`) });
          const error: unknown = await client.call('whoami').catch((thrown: unknown) => thrown);
          fault = undefined;
          expect((error as Error).message).to.include('signature_invalid');
          expect(grants).to.deep.equal([]);
        });

        it('neither refreshes nor signs in again for a wrong key under a known id', async () => {
          grants.length = 0;
          const { keyId } = signer;
          current = { current: async () => ({ ...(await stranger.current()), keyId }) };
          const error: unknown = await client.call('whoami').catch((thrown: unknown) => thrown);
          current = signer;
          expect((error as Error).message).to.include('signature_invalid');
          expect(grants).to.deep.equal([]);
        });

        it('neither refreshes nor signs in again for a key that nobody knows', async () => {
          grants.length = 0;
          current = stranger;
          const error: unknown = await client.call('whoami').catch((thrown: unknown) => thrown);
          current = signer;
          expect((error as Error).message).to.include('signature_invalid');
          expect(grants).to.deep.equal([]);
        });

        it('refreshes for a token that has expired, and only then', async () => {
          grants.length = 0;
          seconds = 3600;
          await client.call('whoami').catch(() => undefined);
          expect(grants[0]).to.equal('refresh_token');
        });
      });
    }
  }
});
