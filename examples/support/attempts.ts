import { randomUUID } from 'node:crypto';
import {
  exportSPKI,
  generateKeyPair,
  importJWK,
  SignJWT,
  UnsecuredJWT,
  type JWTHeaderParameters,
  type JWTPayload,
} from 'jose';
import type { AuthorizationServer } from './authorizationServer.js';
import type { Running } from './run.js';
import type { Answer, Wire } from './send.js';

/** One request, and what must become of it. */
export interface Attempt {
  readonly what: string;
  readonly wire: Wire;
  /** As `describe` puts it. */
  readonly expected: string;
}

/** A claim that is undefined is left out. */
type Claims = Readonly<Record<string, unknown>>;

export const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const INVALID = '401 token_invalid, challenge invalid_token';
const DELETE_SCOPE = '403 scope_insufficient, challenge insufficient_scope for file:delete audit:log';

/** The status, the code of the error, and what the challenge asks for. */
export function describe({ status, headers, body }: Answer): string {
  const code = /"data":\{"code":"(\w+)"\}/.exec(body)?.[1];
  const challenge = headers['www-authenticate'];
  const error = / error="(\w+)"/.exec(challenge ?? '')?.[1];
  const scope = / scope="([^"]+)"/.exec(challenge ?? '')?.[1];
  const asked = challenge === undefined ? '' : `, challenge${error ? ` ${error}` : ''}${scope ? ` for ${scope}` : ''}`;
  return `${status}${code === undefined ? '' : ` ${code}`}${asked}`;
}

/**
 * What a server must deny, and beside it the nearest request that it must answer.
 * Each attempt differs from a good request in one thing.
 */
export async function attempts({ resource, authorizationServer }: Running): Promise<readonly Attempt[]> {
  const good = await authorizationServer.sign(claimsOf(authorizationServer, resource));
  return [
    ...(await tokenAttempts(authorizationServer, resource)),
    ...headerAttempts(good),
    ...bodyAttempts(good),
    ...rightAttempts(good),
  ];
}

async function tokenAttempts(server: AuthorizationServer, resource: string): Promise<readonly Attempt[]> {
  const claims = claimsOf(server, resource);
  const now = claims.iat;
  const changed = (changes: Claims, header?: Partial<JWTHeaderParameters>): Promise<string> =>
    server.sign({ ...claims, jti: randomUUID(), ...changes }, header);
  const tokens: readonly (readonly [string, string])[] = [
    ['a token that is no JWT', 'not-a-token'],
    ['a token that has expired', await changed({ exp: now - 60 })],
    ['a token that is not valid yet', await changed({ nbf: now + 120 })],
    ['a token without an end', await changed({ exp: undefined })],
    ['a token for another resource', await changed({ aud: `${new URL(resource).origin}/other` })],
    ['a token for no resource', await changed({ aud: undefined })],
    ['a token of another issuer', await changed({ iss: 'https://issuer.example' })],
    ['an ID token', await changed({ nonce: 'n' }, { typ: 'JWT' })],
    ['a token that is bound to a key, as Bearer', await changed({ cnf: { jkt: 'thumbprint' } })],
    ['a token whose scope was edited', edited(await changed({}), { scope: 'file:delete' })],
    ['a token signed with another key', await forged(server, claims)],
    ['a token signed with the public key as a secret', await confused(server, claims)],
    ['a token without a signature (alg none)', new UnsecuredJWT(claims).encode()],
  ];
  return [
    { what: 'a good token', wire: post(list(), await changed({})), expected: '200' },
    ...tokens.map(([what, token]) => ({ what, wire: post(list(), token), expected: INVALID })),
  ];
}

function headerAttempts(good: string): readonly Attempt[] {
  const authorization = `Bearer ${good}`;
  const whoami = call('whoami');
  const missing = '401 token_missing, challenge';
  return [
    { what: 'no token', wire: { headers: JSON_HEADERS, body: list() }, expected: missing },
    { what: 'GET without a token', wire: { method: 'GET', headers: JSON_HEADERS }, expected: missing },
    { what: 'DELETE without a token', wire: { method: 'DELETE', headers: JSON_HEADERS }, expected: missing },
    {
      what: 'a token in the query',
      wire: { headers: JSON_HEADERS, body: list(), query: `?access_token=${good}` },
      expected: missing,
    },
    { what: 'another scheme', wire: post(list(), good, { Authorization: 'Basic eDp5' }), expected: missing },
    {
      what: 'two tokens',
      wire: post(list(), good, { Authorization: [authorization, authorization] }),
      expected: '400 header_duplicate, challenge invalid_request',
    },
    {
      what: 'a foreign web page',
      wire: post(list(), good, { Origin: 'https://a.example' }),
      expected: '403 origin_denied',
    },
    { what: 'a rebound host name', wire: post(list(), good, { Host: 'a.example' }), expected: '403 host_denied' },
    { what: 'a header that repeats the body', wire: post(whoami, good, { 'Mcp-Name': 'whoami' }), expected: '200' },
    {
      what: 'a header that contradicts the body',
      wire: post(whoami, good, { 'Mcp-Name': 'add' }),
      expected: '400 header_mismatch',
    },
  ];
}

function bodyAttempts(good: string): readonly Attempt[] {
  const gzip = { 'Content-Encoding': 'gzip' };
  return [
    { what: 'malformed JSON', wire: post('{"jsonrpc":"2.0",', good), expected: '400 json_malformed' },
    { what: 'JSON that is not JSON-RPC', wire: post('{"method":"tools/list"}', good), expected: '400 rpc_malformed' },
    { what: 'an empty batch', wire: post('[]', good), expected: '400 rpc_malformed' },
    {
      what: 'another media type',
      wire: post(list(), good, { 'Content-Type': 'text/plain' }),
      expected: '415 media_type_unsupported',
    },
    { what: 'a compressed body', wire: post(list(), good, gzip), expected: '415 encoding_unsupported' },
    {
      what: 'a body of 5 MB',
      wire: post(list(), good, { 'Content-Length': 5_000_000 }),
      expected: '413 body_too_large',
    },
    {
      what: 'a body of 5 MB without a token',
      wire: { headers: { ...JSON_HEADERS, 'Content-Length': 5_000_000 }, body: list() },
      expected: '401 token_missing, challenge',
    },
  ];
}

function rightAttempts(good: string): readonly Attempt[] {
  const batch = (...messages: string[]): string => `[${messages.join(',')}]`;
  const notification = JSON.stringify({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'purge' } });
  return [
    { what: 'a tool within the scope', wire: post(call('whoami'), good), expected: '200' },
    { what: 'a tool beyond the scope', wire: post(call('purge'), good), expected: DELETE_SCOPE },
    { what: 'that tool inside a batch', wire: post(batch(list(1), call('purge', 2)), good), expected: DELETE_SCOPE },
    { what: 'that tool as a notification', wire: post(notification, good), expected: DELETE_SCOPE },
    { what: 'a tool that is not defined', wire: post(call('drop_tables'), good), expected: '403 tool_undefined' },
    { what: 'a tool named like a prototype', wire: post(call('__proto__'), good), expected: '403 tool_undefined' },
    { what: 'a defined tool in other letters', wire: post(call('Whoami'), good), expected: '403 tool_undefined' },
  ];
}

export function claimsOf({ issuer, app }: AuthorizationServer, aud: string): JWTPayload & { iat: number } {
  const iat = Math.floor(Date.now() / 1000);
  const scope = 'file:read audit:log';
  return { iss: issuer, sub: 'demo-user', aud, client_id: app.clientId, scope, iat, exp: iat + 300, jti: randomUUID() };
}

function post(body: string, token: string, headers: Wire['headers'] = {}): Wire {
  return { headers: { ...JSON_HEADERS, Authorization: `Bearer ${token}`, ...headers }, body };
}

function list(id = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params: {} });
}

function call(name: string, id = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } });
}

function edited(token: string, changes: Claims): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload;
  return [header, Buffer.from(JSON.stringify({ ...claims, ...changes })).toString('base64url'), signature].join('.');
}

async function forged(server: AuthorizationServer, claims: JWTPayload): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  const { kid } = await publicKeyOf(server);
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid }).sign(privateKey);
}

async function confused(server: AuthorizationServer, claims: JWTPayload): Promise<string> {
  const { kid, pem } = await publicKeyOf(server);
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(Buffer.from(pem));
}

async function publicKeyOf({ issuer }: AuthorizationServer): Promise<{ readonly kid: string; readonly pem: string }> {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as {
    keys: [{ kty: string; kid: string; alg: string }];
  };
  const key = await importJWK(keys[0]);
  if (key instanceof Uint8Array) throw new TypeError('the authorization server publishes a secret');
  return { kid: keys[0].kid, pem: await exportSPKI(key) };
}
