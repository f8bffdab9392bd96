import type { Server } from 'node:http';
import { expect } from 'chai';
import request from 'supertest';
import { isDenial } from '../../lib/denial.js';
import { authenticate, authorizeScopes, defineTools, oidc, type DPoPOptions } from '../../lib/index.js';
import { fakeContext, fakeIssuer, fakeProver, type FakeProver } from '../../lib/testing.js';
import type { Auth } from '../../lib/tokens/auth.js';
import { frameworks } from '../support/frameworks.js';

const RESOURCE = 'https://mcp.example/mcp';
const METADATA = 'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"';
const SCOPE = 'scope="file:read file:write"';
const SIGN_IN =
  'error="insufficient_user_authentication", error_description="This needs another sign-in of the user", max_age="60"';

const issuer = fakeIssuer({ resource: RESOURCE });
const tools = defineTools({
  copy_file: { permissions: ['file:read', 'file:write'] },
  recent: { permissions: [], maxAge: 60 },
});
const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } });

for (const [framework, boot] of Object.entries(frameworks)) {
  describe(`challenges of authorizeScopes to whoever proves a key, on ${framework}`, () => {
    let prover: FakeProver;

    before(async () => {
      prover = await fakeProver();
    });

    interface Asking {
      readonly bound?: boolean;
      readonly requireBinding?: boolean;
      readonly tool?: string;
    }

    const challengeOf = async (
      dpop: DPoPOptions,
      { bound = true, requireBinding = false, tool = 'copy_file' }: Asking = {},
    ): Promise<readonly [number, string | undefined]> => {
      const issuers = [oidc({ issuer: issuer.issuer })];
      const checks = [
        authenticate({ issuers, resource: RESOURCE, fetch: issuer.fetch, dpop, requireBinding }),
        authorizeScopes({ tools }),
      ];
      const app = boot([checks], (_req, res) => res.end()) as unknown as Server;
      const token = await issuer.token({ scope: 'file:read', ...(bound ? { cnf: { jkt: prover.jkt } } : {}) });
      const proof = bound ? { dpop: await prover.proof({ url: RESOURCE, token }) } : {};
      const { status, headers } = await request(app)
        .post('/mcp')
        .set({ authorization: `${bound ? 'DPoP' : 'Bearer'} ${token}`, 'content-type': 'application/json', ...proof })
        .send(JSON.stringify(call(tool)));
      return [status, headers['www-authenticate']];
    };

    it('are for DPoP alone where every token must be bound', async () => {
      const only: DPoPOptions = { mode: 'require', algorithms: ['ES256', 'Ed25519'] };
      const algs = 'algs="ES256 Ed25519"';
      expect(await challengeOf(only)).to.deep.equal([
        403,
        `DPoP error="insufficient_scope", ${SCOPE}, ${algs}, ${METADATA}`,
      ]);
      expect(await challengeOf(only, { tool: 'recent' })).to.deep.equal([
        401,
        `DPoP ${SIGN_IN}, scope="file:read", ${algs}, ${METADATA}`,
      ]);
      const [, bound] = await challengeOf({ algorithms: ['ES256'] }, { requireBinding: true });
      expect(bound).to.equal(`DPoP error="insufficient_scope", ${SCOPE}, algs="ES256", ${METADATA}`);
    });

    it('name Bearer as well where a bearer token would do, and the error with the scheme that was tried', async () => {
      const [, scopes] = await challengeOf({ algorithms: ['ES256'] });
      expect(scopes).to.equal(
        `Bearer ${SCOPE}, ${METADATA}, DPoP error="insufficient_scope", ${SCOPE}, algs="ES256", ${METADATA}`,
      );
      const [, signIn] = await challengeOf({ algorithms: ['ES256'] }, { tool: 'recent' });
      expect(signIn).to.equal(
        `Bearer scope="file:read", ${METADATA}, DPoP ${SIGN_IN}, scope="file:read", algs="ES256", ${METADATA}`,
      );
    });

    it('are for Bearer to whoever came with a bearer token', async () => {
      const [status, challenge] = await challengeOf({}, { bound: false });
      expect([status, challenge]).to.deep.equal([403, `Bearer error="insufficient_scope", ${SCOPE}, ${METADATA}`]);
    });
  });
}

describe('challenges of authorizeScopes to whoever a check of your own proves', () => {
  const challengeTo = async (more: Partial<Auth>): Promise<string | undefined> => {
    const auth: Auth = {
      issuer: issuer.issuer,
      subject: 'jane',
      clientId: 'app',
      scopes: [],
      roles: [],
      resource: RESOURCE,
      expiresAt: 0,
      token: 'token',
      claims: {},
      ...more,
    };
    const ctx = fakeContext<'auth'>({ method: 'POST', body: call('copy_file'), state: { auth } });
    const denied: unknown = await Promise.resolve(authorizeScopes({ tools }).run(ctx)).catch((one: unknown) => one);
    return isDenial(denied) ? denied.headers['WWW-Authenticate'] : undefined;
  };

  it('go by what the token is bound to', async () => {
    const [key, certificate] = (['dpop', 'mtls'] as const).map((method) => ({ method, thumbprint: 'a' }));
    const rest = `error="insufficient_scope", ${SCOPE}, ${METADATA}`;
    expect(await challengeTo({ bindings: [key!, certificate!] })).to.equal(`DPoP ${rest}`);
    expect(await challengeTo({ bindings: [certificate!] })).to.equal(`Bearer ${rest}`);
    expect(await challengeTo({})).to.equal(`Bearer ${rest}`);
  });

  it('name what that check takes, where it says so', async () => {
    const bindings = [{ method: 'dpop', thumbprint: 'a' }] as const;
    expect(await challengeTo({ bindings, schemes: { bearer: true, algorithms: ['ES256'] } })).to.equal(
      `Bearer ${SCOPE}, ${METADATA}, DPoP error="insufficient_scope", ${SCOPE}, algs="ES256", ${METADATA}`,
    );
  });

  it('name no metadata where the resource is no URL that has any', async () => {
    const bindings = [{ method: 'dpop', thumbprint: 'a' }] as const;
    const challenge = `error="insufficient_scope", ${SCOPE}`;
    expect(await challengeTo({ resource: 'api://mcp' })).to.equal(`Bearer ${challenge}`);
    expect(await challengeTo({ resource: 'api://mcp', bindings })).to.equal(`DPoP ${challenge}`);
  });
});
