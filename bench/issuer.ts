// The authorization server of the benchmark: one key, its key set, and tokens as RFC 9068 has them.
import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { SCOPE, type Setup } from './contenders/contender.js';

const AUDIENCE = 'https://mcp.example.com/mcp';

/** The good token, and tokens that differ from it in one thing. */
export interface Tokens {
  readonly good: string;
  readonly forged: string;
  readonly expired: string;
  readonly elsewhere: string;
  readonly weak: string;
}

export interface Issuer {
  readonly setup: Setup;
  readonly tokens: Tokens;
  /** The good token with these claims changed. */
  readonly sign: (changes: object) => Promise<string>;
  readonly close: () => void;
}

export async function startIssuer(algorithm: Setup['algorithm']): Promise<Issuer> {
  const { publicKey, privateKey } = newKeys(algorithm);
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm, use: 'sig' }] };
  const server = createServer((req, res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify(req.url === '/jwks' ? jwks : metadata()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const metadata = () => ({
    issuer,
    jwks_uri: `${issuer}jwks`,
    authorization_endpoint: `${issuer}authorize`,
    token_endpoint: `${issuer}token`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm],
  });
  const sign = signerOf(algorithm, privateKey, issuer);
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  return {
    setup: { algorithm, issuer, audience: AUDIENCE, jwksUri: `${issuer}jwks`, jwks, pem },
    tokens: await makeTokens(sign),
    sign,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function newKeys(algorithm: Setup['algorithm']): { publicKey: KeyObject; privateKey: KeyObject } {
  return algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function signerOf(alg: string, key: KeyObject, issuer: string): Issuer['sign'] {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    aud: AUDIENCE,
    sub: 'user|1234567890',
    client_id: 'client-abcdef',
    jti: randomUUID(),
    iat: now,
    exp: now + 7200,
    scope: `${SCOPE} mcp:write tools:search tools:execute`,
  };
  return (changes) =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg, kid: 'k1', typ: 'at+jwt' }).sign(key);
}

async function makeTokens(sign: Issuer['sign']): Promise<Tokens> {
  const now = Math.floor(Date.now() / 1000);
  const good = await sign({});
  const [head, , signature] = good.split('.');
  const [, otherClaims] = (await sign({ sub: 'somebody else' })).split('.');
  return {
    good,
    forged: `${head ?? ''}.${otherClaims ?? ''}.${signature ?? ''}`,
    expired: await sign({ iat: now - 7200, exp: now - 3600 }),
    elsewhere: await sign({ aud: 'https://other.example.com/mcp' }),
    weak: await sign({ scope: 'other:read' }),
  };
}
