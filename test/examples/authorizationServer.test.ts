import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { expect } from 'chai';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { startAuthorizationServer, type AuthorizationServer } from '../../examples/support/authorizationServer.js';
import { visit } from '../../examples/support/browser.js';

const RESOURCE = 'http://127.0.0.1:9/mcp';

interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly scope?: string;
  readonly error?: string;
}

describe('the development authorization server', () => {
  let server: AuthorizationServer;

  before(async () => {
    server = await startAuthorizationServer({ resources: [RESOURCE] });
  });

  after(() => server.close());

  const askForToken = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams(form),
    });
    return (await response.json()) as TokenAnswer;
  };

  const askAsService = (form: Record<string, string>) => {
    const { clientId, clientSecret } = server.service;
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    return askForToken({ grant_type: 'client_credentials', ...form }, { authorization });
  };

  const signIn = async (clientId: string, redirectUri: string, scope: string) => {
    const verifier = randomBytes(32).toString('base64url');
    const url = new URL(`${server.issuer}/auth`);
    url.search = new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      resource: RESOURCE,
      scope,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      prompt: 'consent',
    }).toString();
    const callback = await visit(url, redirectUri);
    const code = callback.searchParams.get('code') ?? '';
    return { grant_type: 'authorization_code', client_id: clientId, redirect_uri: redirectUri, code, verifier };
  };

  it('issues a JWT access token for one resource (RFC 9068 section 2)', async () => {
    const answer = await askAsService({ resource: RESOURCE, scope: 'file:read' });
    const { payload, protectedHeader } = await jwtVerify(
      answer.access_token,
      createRemoteJWKSet(new URL(`${server.issuer}/jwks`)),
      { issuer: server.issuer, audience: RESOURCE, typ: 'at+jwt' },
    );
    expect(protectedHeader.alg).to.equal('ES256');
    expect(payload).to.include({ sub: 'demo-service', client_id: 'demo-service', scope: 'file:read' });
    expect(payload).to.include.keys('exp', 'iat', 'jti');
  });

  it('issues no token for a resource it does not know', async () => {
    expect(await askAsService({ resource: 'http://127.0.0.1:9/other' })).to.include({ error: 'invalid_target' });
  });

  it('does not grant the service the scope to delete', async () => {
    const answer = await askAsService({ resource: RESOURCE, scope: 'file:delete' });
    expect(answer).to.include({ error: 'invalid_scope' });
  });

  it('signs anybody in for the code flow with PKCE, and refreshes', async () => {
    const { clientId, redirectUri } = server.app;
    const { verifier, ...form } = await signIn(clientId, redirectUri, 'file:delete offline_access');
    const first = await askForToken({ ...form, code_verifier: verifier });
    expect(decodeJwt(first.access_token)).to.include({ sub: 'demo-user', aud: RESOURCE, scope: 'file:delete' });
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token: first.refresh_token ?? '' };
    const second = await askForToken(refresh);
    expect(decodeJwt(second.access_token)).to.include({ sub: 'demo-user', aud: RESOURCE, scope: 'file:delete' });
  });

  it('spends a code only with its verifier (RFC 7636 section 4.6)', async () => {
    const { clientId, redirectUri } = server.app;
    const { verifier, ...form } = await signIn(clientId, redirectUri, 'file:read');
    expect(verifier).to.not.equal('');
    const answer = await askForToken({ ...form, code_verifier: randomBytes(32).toString('base64url') });
    expect(answer).to.include({ error: 'invalid_grant' });
  });

  it('lets clients register themselves (RFC 7591)', async () => {
    const redirectUri = 'http://127.0.0.1:33418/';
    const metadata = { redirect_uris: [redirectUri], token_endpoint_auth_method: 'none', application_type: 'native' };
    const response = await fetch(`${server.issuer}/reg`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(metadata),
    });
    const { client_id: clientId } = (await response.json()) as { client_id: string };
    const { verifier, ...form } = await signIn(clientId, redirectUri, 'file:read');
    const answer = await askForToken({ ...form, code_verifier: verifier });
    expect(decodeJwt(answer.access_token)).to.include({ client_id: clientId, scope: 'file:read' });
  });

  it('signs what it is told, with the key of its own tokens', async () => {
    const real = await askAsService({ resource: RESOURCE });
    const made = await server.sign({ sub: 'x' }, { typ: 'JWT' });
    expect(decodeProtectedHeader(made).kid).to.equal(decodeProtectedHeader(real.access_token).kid);
    expect(decodeProtectedHeader(made).typ).to.equal('JWT');
  });

  it('answers nobody who calls it by another name', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(`${server.issuer}/jwks`, { headers: { host: 'rebound.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.once('error', reject).end();
    });
    expect(status).to.equal(421);
  });
});
