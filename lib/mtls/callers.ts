import { readOptions, text, type Check } from '../options.js';
import type { Auth } from '../tokens/auth.js';
import type { ClientCertificate } from './certificate.js';

/** Who may call with a certificate alone, by one of its subject alternative names. The name must be equal. */
export type CertificateCaller = {
  /** What the caller is called from then on. Its permissions are those of `clients` of `authorizeScopes`. */
  readonly clientId: string;
} & (
  | {
      /** A URI name, such as a SPIFFE ID: `spiffe://example.org/billing`. */
      readonly uri: string;
    }
  | {
      /** A DNS name without wildcards. The case does not count. */
      readonly dns: string;
    }
);

/** Stands in the place of an issuer, where a certificate proves who calls: authorities are the business of TLS. */
export const CERTIFICATE_ISSUER = 'urn:io.github.mcp-etdi:client-certificate';

/** The name of the caller, where exactly one of them may call with this certificate. */
export type FindCaller = (certificate: ClientCertificate) => string | undefined;

const uriName: Check = (value) =>
  typeof value === 'string' && /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(value) ? undefined : 'must be an absolute URI';
const dnsName: Check = (value) =>
  typeof value === 'string' && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i.test(value)
    ? undefined
    : 'must be a host name without wildcards';

/** @throws {TypeError} when an entry is not what it must be, or two callers have the same name */
export function readCallers(factory: string, callers: readonly CertificateCaller[]): FindCaller {
  const clients = new Map<string, string>();
  for (const caller of callers) {
    const { clientId, ...san } = readCaller(factory, caller);
    const name = san.uri === undefined ? dnsKey(san.dns ?? '') : uriKey(san.uri);
    const other = clients.get(name);
    if (other !== undefined) throw new TypeError(`${factory}: '${other}' and '${clientId}' have the same name`);
    clients.set(name, clientId);
  }
  return ({ names: { uri, dns } }) => {
    const found = new Set([...uri.map(uriKey), ...dns.map(dnsKey)].flatMap((name) => clients.get(name) ?? []));
    const [clientId] = found;
    return found.size === 1 ? clientId : undefined;
  };
}

interface Named {
  readonly clientId: string;
  readonly uri?: string;
  readonly dns?: string;
}

function readCaller(factory: string, caller: CertificateCaller): Named {
  const given = readOptions<Named>(factory, caller, {
    clientId: text,
    uri: (value) => (value === undefined ? undefined : uriName(value)),
    dns: (value) => (value === undefined ? undefined : dnsName(value)),
  });
  if ((given.uri === undefined) === (given.dns === undefined)) {
    throw new TypeError(`${factory}: give '${given.clientId}' one name, either 'uri' or 'dns'`);
  }
  return given;
}

function uriKey(uri: string): string {
  return `uri:${uri}`;
}

function dnsKey(name: string): string {
  return `dns:${name.toLowerCase()}`;
}

/** A caller whom a certificate alone proves. It is a client, never a user, and was granted nothing by anybody. */
export function toCertificateAuth(clientId: string, certificate: ClientCertificate, resource: string): Auth {
  const { thumbprint, until, names } = certificate;
  const nothing: readonly string[] = Object.freeze([]);
  return Object.freeze({
    issuer: CERTIFICATE_ISSUER,
    subject: clientId,
    clientId,
    scopes: nothing,
    roles: nothing,
    resource,
    expiresAt: Math.floor(until / 1000),
    token: '',
    claims: Object.freeze({ cnf: Object.freeze({ 'x5t#S256': thumbprint }), san: names }),
    bindings: Object.freeze([Object.freeze({ method: 'mtls' as const, thumbprint })]),
  });
}
