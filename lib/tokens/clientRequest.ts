import { randomUUID } from 'node:crypto';
import type { FetchOptions } from '../fetch.js';
import { signerFor, type Signer, type SigningKey } from '../keys/signer.js';
import { integer, optional, text, type Checks } from '../options.js';
import { signJwt } from './signJwt.js';

type Post = NonNullable<FetchOptions['post']>;

/** How this server shows an authorization server who it is. */
export interface OAuthClientOptions {
  /** This server, as the authorization server knows it. */
  readonly clientId: string;
  /** Its secret, sent by HTTP Basic (RFC 6749 section 2.3.1). Either this or `privateKeyJwt` is needed. */
  readonly clientSecret?: string;
  /** Signs assertions in its place (RFC 7523, `private_key_jwt`): `keyStore.signer('request')`, or `externalSigner(...)`. */
  readonly privateKeyJwt?: Signer;
  /** The longest wait for an answer, in seconds. Default: 5. */
  readonly timeout?: number;
}

export const CLIENT_CHECKS: Checks<OAuthClientOptions> = {
  clientId: text,
  clientSecret: optional(text),
  privateKeyJwt: optional(signerFor('request')),
  timeout: optional(integer(1, 60)),
};

/** This server, as an authorization server knows it. */
export interface OAuthClient {
  readonly clientId: string;
  /** A secret that is sent, or the signer of assertions. */
  readonly credential: { readonly secret: string } | { readonly signer: Signer };
}

/** How long an assertion counts, in seconds. It is used at once. */
const ASSERTION_SECONDS = 60;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** A form for an authorization server, with the proof of who sends it (RFC 6749 section 2.3.1, RFC 7523 section 2.2). */
export async function clientRequest(
  fields: Readonly<Record<string, string>>,
  issuer: string,
  { clientId, credential }: OAuthClient,
  now: Date,
): Promise<Post> {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  if ('secret' in credential) {
    const basic = Buffer.from(`${encode(clientId)}:${encode(credential.secret)}`).toString('base64');
    return { headers: { ...headers, Authorization: `Basic ${basic}` }, body: form(fields) };
  }
  const assertion = await clientAssertion(clientId, issuer, await credential.signer.current(), now);
  const proof = { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion };
  return { headers, body: form({ ...fields, ...proof }) };
}

/**
 * The one way in which a client proves to be itself.
 * @throws {TypeError} unless there is exactly one
 */
export function readCredential(
  factory: string,
  { clientSecret, privateKeyJwt }: Pick<OAuthClientOptions, 'clientSecret' | 'privateKeyJwt'>,
): OAuthClient['credential'] {
  if (clientSecret !== undefined && privateKeyJwt === undefined) return { secret: clientSecret };
  if (privateKeyJwt !== undefined && clientSecret === undefined) return { signer: privateKeyJwt };
  throw new TypeError(`${factory}: pass 'clientSecret' or 'privateKeyJwt', one of them`);
}

/** A JWT by which a client proves to be itself to one authorization server, once (RFC 7523 section 3). */
function clientAssertion(clientId: string, issuer: string, key: SigningKey, now: Date): Promise<string> {
  const iat = Math.floor(now.getTime() / 1000);
  const header = { alg: key.algorithm, kid: key.keyId, typ: 'JWT' };
  const claims = { iss: clientId, sub: clientId, aud: issuer, jti: randomUUID(), iat, exp: iat + ASSERTION_SECONDS };
  return signJwt(header, claims, key);
}

/** Both halves of the credentials are form-encoded before they are joined (RFC 6749 section 2.3.1). */
function encode(text: string): string {
  return form({ '': text }).slice(1);
}

function form(fields: Readonly<Record<string, string>>): string {
  return new URLSearchParams(fields).toString();
}
