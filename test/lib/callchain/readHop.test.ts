import { expect } from 'chai';
import { TOOL_CALL, type Hop } from '../../../lib/callchain/hop.js';
import { readChain } from '../../../lib/callchain/readHop.js';
import { isDenial } from '../../../lib/index.js';
import { toBase64url } from '../../../lib/base64url.js';

const HEADER = toBase64url(JSON.stringify({ typ: 'etdi-call+jwt', alg: 'ES256', kid: 'k'.repeat(43) }));
const SIGNATURE = toBase64url(Buffer.alloc(64));
const CLAIMS = {
  iss: 'https://a.example/mcp',
  aud: 'https://b.example/mcp',
  sub: 'j\u00f6rg',
  txn: 'transaction-1',
  jti: 'j'.repeat(22),
  iat: 1_800_000_000,
  exp: 1_800_000_060,
  del_depth: 0,
  del_max_depth: 4,
  scope: '',
  authorization_details: [
    {
      type: TOOL_CALL,
      locations: ['https://b.example/mcp'],
      actions: ['tools/call'],
      identifier: 'read',
      args_digest: 'd'.repeat(43),
    },
  ],
};

function read(token: string): Hop | undefined {
  return readChain([token], () => undefined).at(0);
}

/** Why a token is no hop; nothing where it is one. */
function faultOf(token: string): unknown {
  try {
    read(token);
    return undefined;
  } catch (error) {
    if (isDenial(error)) return error.detail;
    throw error;
  }
}

const withClaims = (claims: object): string => `${HEADER}.${toBase64url(JSON.stringify(claims))}.${SIGNATURE}`;

describe('readChain', () => {
  it('reads a hop with any characters, and an empty scope as none', () => {
    for (const sub of ['ann', 'j\u00f6rg']) {
      const hop = read(withClaims({ ...CLAIMS, sub }));
      expect(hop?.subject).to.equal(sub);
      expect(hop?.permissions).to.deep.equal([]);
    }
  });

  it('denies what has not three parts', () => {
    const [header, claims, signature] = withClaims(CLAIMS).split('.') as [string, string, string];
    const tokens = ['', '.', header, `${header}.${claims}`, `.${claims}.`, `${header}.${claims}.${signature}.x`];
    for (const token of tokens) expect(faultOf(token), token).to.include({ reason: 'format' });
  });

  it('denies bytes that are no text, which a reader could take for another one', () => {
    const [before, after] = JSON.stringify({ ...CLAIMS, sub: 'x' }).split('"x"') as [string, string];
    const bytes = Buffer.concat([Buffer.from(`${before}"`), Buffer.from([0xff]), Buffer.from(`"${after}`)]);
    expect(faultOf(`${HEADER}.${toBase64url(bytes)}.${SIGNATURE}`)).to.include({ reason: 'json' });
  });

  it('denies two authorization details, whatever the second one is', () => {
    const [detail] = CLAIMS.authorization_details;
    for (const second of [{}, detail]) {
      const fault = faultOf(withClaims({ ...CLAIMS, authorization_details: [detail, second] }));
      expect(fault).to.include({ reason: 'claim', claim: 'authorization_details' });
    }
  });
});
