// What it costs to know a caller again: by a JWT, by an opaque token, with a hook for revocations, by a certificate.
import { authenticate, introspect, memoryRevocations, oidc, type Middleware } from '../lib/index.js';
import { fakeContext, fakeIssuer } from '../lib/testing.js';
import { compare, type Contender } from './harness.js';

const RESOURCE = 'https://mcp.example/mcp';

/** Runs one check on the same request again and again: after the first time its answer is remembered. */
async function warm(name: string, middleware: Middleware<never, 'auth'>, token: string): Promise<Contender> {
  const ctx = fakeContext({ headers: { authorization: `Bearer ${token}` } });
  await middleware.run(ctx);
  return { name, run: () => middleware.run(ctx) };
}

/** The rows of introspection. The first is the baseline: a JWT that is known. */
export async function benchIntrospection(): Promise<void> {
  const as = fakeIssuer({ resource: RESOURCE });
  const answer = JSON.stringify({
    active: true,
    aud: RESOURCE,
    sub: 'user|1234567890',
    client_id: 'client-abcdef',
    scope: 'mcp file:read',
    exp: Math.floor(Date.now() / 1000) + 7200,
  });
  const asked: typeof fetch = (input, init) =>
    init?.method === 'POST' ? Promise.resolve(new Response(answer)) : as.fetch(input, init);
  const jwts = oidc({ issuer: as.issuer });
  const opaque = introspect({
    issuer: 'https://opaque.example',
    endpoint: 'https://opaque.example/introspect',
    clientId: 'mcp',
    clientSecret: 'secret',
    maxAge: 3600,
  });
  const common = { resource: RESOURCE, fetch: asked, cache: { seconds: 3600 } };
  const both = authenticate({ issuers: [jwts, opaque], ...common });
  const watched = authenticate({ issuers: [jwts], revoked: memoryRevocations(), ...common });
  const anew = authenticate({ issuers: [opaque], ...common, cache: false });
  const token = await as.token({ exp: Math.floor(Date.now() / 1000) + 7200 });
  await compare('introspection, in process', [
    await warm('JWT, known', authenticate({ issuers: [jwts], ...common }), token),
    await warm('JWT, known, beside an introspecting issuer', both, token),
    await warm('JWT, known, asked whether it was revoked', watched, token),
    await warm('opaque token, warm cache', both, 'opaque-1234567890'),
    await warm('opaque token, asked about anew, without a socket', anew, 'opaque-1234567890'),
  ]);
}
