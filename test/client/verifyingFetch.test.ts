import { expect } from 'chai';
import { signingFetch, TokenDenied, verifyingFetch, type VerifyingFetchOptions } from '../../client/index.js';
import { Unavailable } from '../../lib/denial.js';
import { introspect, oidc } from '../../lib/index.js';
import { fakeIssuer, fakeSigner } from '../../lib/testing.js';

const RESOURCE = 'https://mcp.example/mcp';
const issuer = fakeIssuer({ resource: RESOURCE });
const issuers = [oidc({ issuer: issuer.issuer })];

/** A fetch that verifies, and what it let go. */
function open(options: Partial<VerifyingFetchOptions> = {}) {
  const sent: { readonly url: string; readonly init: RequestInit | undefined }[] = [];
  const send: typeof fetch = (input, init) => {
    sent.push({ url: String(input instanceof Request ? input.url : input), init });
    return Promise.resolve(new Response('sent'));
  };
  const verifying = verifyingFetch({ resource: RESOURCE, issuers, fetch: send, fetchKeys: issuer.fetch, ...options });
  const say = async (token: string, url: string | URL = RESOURCE, scheme = 'Bearer'): Promise<unknown> => {
    try {
      const response = await verifying(url, { method: 'POST', headers: { Authorization: `${scheme} ${token}` } });
      return response.status === 200 ? 'sent' : response.status;
    } catch (error) {
      return error instanceof TokenDenied ? error.reason : error;
    }
  };
  return { verifying, sent, say };
}

const seconds = (): number => Math.floor(Date.now() / 1000);

describe('verifyingFetch', () => {
  it('sends a token to the resource it is for, whatever the query and the scheme', async () => {
    const { say, sent } = open();
    const token = await issuer.token();
    expect(await say(token)).to.equal('sent');
    expect(await say(token, new URL(`${RESOURCE}?session=1`))).to.equal('sent');
    expect(await say(token, RESOURCE, 'bearer')).to.equal('sent');
    expect(await say(await issuer.token({ cnf: { jkt: 'A'.repeat(43) } }), RESOURCE, 'DPoP')).to.equal('sent');
    expect(sent).to.have.lengthOf(4);
  });

  const ELSEWHERE = [
    'https://mcp.example/',
    'https://mcp.example/mcp/',
    'https://mcp.example/MCP',
    'https://mcp.example/mcp/../other',
    'https://mcp.example:8443/mcp',
    'http://mcp.example/mcp',
    'https://evil.example/mcp',
    'https://mcp.example.evil.example/mcp',
  ];
  for (const url of ELSEWHERE) {
    it(`sends it nowhere else: ${url}`, async () => {
      const { say, sent } = open({ opaque: 'allow' });
      expect(await say(await issuer.token(), url)).to.equal('target');
      expect(await say('opaque', url)).to.equal('target');
      expect(sent).to.deep.equal([]);
    });
  }

  const WRONG: readonly (readonly [string, () => Promise<string>, string])[] = [
    ['for another resource', () => issuer.token({ aud: 'https://mcp.example/other' }), 'audience'],
    ['for no resource', () => issuer.token({ aud: undefined }), 'audience'],
    ['of another issuer', () => issuer.token({ iss: 'https://evil.example' }), 'issuer'],
    ['without an end', () => issuer.token({ exp: undefined }), 'claim'],
    ['that is not valid yet', () => issuer.token({ nbf: seconds() + 120 }), 'not_yet_valid'],
    ['that is an ID token', () => issuer.token({}, { typ: 'JWT' }), 'type'],
    ['of somebody else under the name of the issuer', () => fakeIssuer({ resource: RESOURCE }).token(), 'key'],
    ['whose signature was cut', async () => (await issuer.token()).replace(/\.[^.]+$/, '.AAAA'), 'signature'],
    ['that is no JWT', () => Promise.resolve('opaque'), 'opaque'],
    ['that is encrypted', () => Promise.resolve('e.e.e.e.e'), 'opaque'],
    ['that is two', () => Promise.resolve('one, Bearer two'), 'format'],
    ['that is none', () => Promise.resolve(''), 'format'],
  ];
  for (const [what, make, reason] of WRONG) {
    it(`does not send a token ${what}`, async () => {
      const { say, sent } = open();
      expect(await say(await make())).to.equal(reason);
      expect(sent).to.deep.equal([]);
    });
  }

  it('answers an expired token with what the server would have said, so that the client refreshes', async () => {
    const { verifying, sent } = open();
    const headers = { Authorization: `Bearer ${await issuer.token({ exp: seconds() - 31 })}` };
    const response = await verifying(RESOURCE, { headers });
    expect(response.status).to.equal(401);
    expect(response.headers.get('www-authenticate')).to.equal(
      'Bearer error="invalid_token", error_description="The token has expired", ' +
        'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"',
    );
    expect(sent).to.deep.equal([]);
  });

  it('goes by its clock, within the tolerance, however well it knows the token', async () => {
    let time = Date.now();
    const { say } = open({ clockTolerance: 5, now: () => new Date(time) });
    const exp = seconds() + 40;
    const token = await issuer.token({ exp });
    expect(await say(token)).to.equal('sent');
    time = exp * 1000 + 4_999;
    expect(await say(token)).to.equal('sent');
    time += 1;
    expect(await say(token)).to.equal(401);
  });

  it('takes further names of the resource', async () => {
    const { say } = open({ audience: ['api://orders'] });
    expect(await say(await issuer.token({ aud: 'api://orders' }))).to.equal('sent');
    expect(await say(await issuer.token({ aud: 'api://other' }))).to.equal('audience');
  });

  it('sends a token that cannot be read where that is asked for', async () => {
    const { say } = open({ opaque: 'allow' });
    expect(await say('opaque')).to.equal('sent');
    expect(await say(await issuer.token({ aud: 'https://mcp.example/other' }))).to.equal('audience');
  });

  it('lets requests without an access token pass as they are, wherever they go', async () => {
    const { verifying, sent } = open();
    const init = { method: 'POST', headers: { Authorization: 'Basic eDp5' } };
    await verifying('https://issuer.example/token', init);
    await verifying('https://mcp.example/.well-known/oauth-protected-resource');
    expect(sent).to.deep.equal([
      { url: 'https://issuer.example/token', init },
      { url: 'https://mcp.example/.well-known/oauth-protected-resource', init: undefined },
    ]);
  });

  it('finds the token of a Request, and lets headers beside it stand for those of the Request', async () => {
    const { verifying, sent } = open();
    const bad = new Request(RESOURCE, { headers: { Authorization: 'Bearer opaque' } });
    const error: unknown = await verifying(bad).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(TokenDenied);
    const headers = { Authorization: `Bearer ${await issuer.token()}` };
    expect((await verifying(bad, { headers })).status).to.equal(200);
    expect(sent).to.have.lengthOf(1);
  });

  it('follows no redirect with a token', async () => {
    const { verifying, sent } = open();
    const headers = { Authorization: `Bearer ${await issuer.token()}` };
    for (const redirect of [undefined, 'follow', 'manual', 'error'] as const) {
      await verifying(RESOURCE, { headers, ...(redirect === undefined ? {} : { redirect }) });
    }
    expect(sent.map(({ init }) => init?.redirect)).to.deep.equal(['manual', 'manual', 'manual', 'error']);
  });

  it('lets nothing be signed for a token that is not sent', async () => {
    const sent: RequestInit[] = [];
    const send: typeof fetch = (_input, init = {}) => {
      sent.push(init);
      return Promise.resolve(new Response('sent'));
    };
    const { say, verifying } = open({
      fetch: signingFetch({ signer: await fakeSigner(), resource: RESOURCE, fetch: send }),
    });
    expect(await say(await issuer.token({ aud: 'https://mcp.example/other' }))).to.equal('audience');
    expect(sent).to.deep.equal([]);
    const headers = { Authorization: `Bearer ${await issuer.token()}`, 'Content-Type': 'application/json' };
    await verifying(RESOURCE, { method: 'POST', headers, body: '{}' });
    expect(new Headers(sent[0]?.headers).get('signature-input')).to.include('"authorization"');
  });

  it('sends nothing while the keys of the issuer cannot be fetched', async () => {
    const { say, sent } = open({ fetchKeys: () => Promise.reject(new Error('ECONNREFUSED')) });
    expect(await say(await issuer.token())).to.be.instanceOf(Unavailable);
    expect(sent).to.deep.equal([]);
  });

  it('says nothing of the token in its error', async () => {
    const { verifying } = open();
    const token = await issuer.token({ aud: 'https://mcp.example/other' });
    const headers = { Authorization: `Bearer ${token}` };
    const error = (await verifying(RESOURCE, { headers }).catch((cause: unknown) => cause)) as Error;
    expect(error.message).to.equal('the access token is not sent (audience)');
    for (const part of token.split('.')) expect(`${error.stack}${String(error.cause)}`).to.not.include(part);
  });

  const MISTAKES: readonly (readonly [object, RegExp])[] = [
    [{ issuers }, /'resource' must be an absolute URL/],
    [{ resource: 'http://mcp.example/mcp', issuers }, /'resource' must be an https URL/],
    [{ resource: RESOURCE, issuers: [] }, /'issuers'/],
    [{ resource: RESOURCE, issuers: ['https://issuer.example'] }, /must be what oidc, auth0/],
    [
      {
        resource: RESOURCE,
        issuers: [introspect({ issuer: 'https://issuer.example', clientId: 'a', clientSecret: 'b' })],
      },
      /must be what oidc, auth0/,
    ],
    [{ resource: RESOURCE, issuers, opaque: true }, /'opaque' must be one of 'deny', 'allow'/],
    [{ resource: RESOURCE, issuers, audiences: [] }, /unknown option 'audiences'; did you mean 'audience'\?/],
  ];
  for (const [index, [options, message]] of MISTAKES.entries()) {
    it(`does not build with mistake ${index + 1}: ${message.source}`, () => {
      expect(() => verifyingFetch(options as VerifyingFetchOptions)).to.throw(TypeError, message);
    });
  }
});
