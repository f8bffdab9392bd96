import { hash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { readNames } from '../lib/mtls/names.js';
import { listOf, optional, readOptions, text, type Check } from '../lib/options.js';

/** A server that gets to see the certificate, and who it must be. */
export interface MtlsServer {
  /** Any https URL of it. Its origin counts: whoever lists two URLs of one origin says the same of both. */
  readonly url: string;
  /** The URI among the names of its certificate, such as a SPIFFE ID, in the place of the host name. */
  readonly uri?: string;
  /** The DNS name among the names of its certificate, in the place of the host name. Must be equal: wildcards do not count. */
  readonly dns?: string;
  /** SHA-256 over the SPKI of its public key, base64, one for each key it may have. Needed besides the name. */
  readonly spki?: readonly string[];
}

const https: Check = (value) =>
  typeof value === 'string' && URL.canParse(value) && new URL(value).protocol === 'https:'
    ? undefined
    : 'must be an https URL';
const digest: Check = (value) =>
  typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value && value.length === 44
    ? undefined
    : 'must be SHA-256 in base64, 44 characters';

/**
 * The servers by origin.
 * @throws {TypeError} when a member is not what it must be, or two entries do not agree on who is at one origin
 */
export function readServers(servers: readonly MtlsServer[]): ReadonlyMap<string, MtlsServer> {
  const byOrigin = new Map<string, MtlsServer>();
  for (const server of servers.map(readServer)) {
    const { origin } = new URL(server.url);
    const known = byOrigin.get(origin) ?? server;
    // Either of the two could be meant, and the weaker one would drop the name or the keys of the other.
    if (identityOf(known) !== identityOf(server)) {
      throw new TypeError(
        `mtlsFetch: 'servers' says twice who '${origin}' is, and not the same both times; ` +
          "list it once, or give all of its entries the same 'uri', 'dns' and 'spki'",
      );
    }
    byOrigin.set(origin, known);
  }
  return byOrigin;
}

/** @throws {TypeError} when a member is not what it must be */
function readServer(server: MtlsServer): MtlsServer {
  const given = readOptions<MtlsServer>("mtlsFetch 'servers'", server, {
    url: https,
    uri: optional(text),
    dns: optional(text),
    spki: optional(listOf(digest, { least: 1 })),
  });
  if (given.uri !== undefined && given.dns !== undefined) {
    throw new TypeError(`mtlsFetch: give '${given.url}' one name, either 'uri' or 'dns'`);
  }
  return given;
}

/** Equal for entries that say the same of a server, whatever the order of its keys. */
function identityOf({ uri, dns, spki }: MtlsServer): string {
  return JSON.stringify([uri, dns, spki === undefined ? undefined : [...spki].sort()]);
}

/** Prepares the check of who a server is, after its certificate was found to lead to a trusted authority. */
export function identityCheck(server: MtlsServer): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => {
    const named = isNamed(server, certificate) ?? checkServerIdentity(host, certificate) === undefined;
    const keyed = server.spki === undefined || server.spki.includes(spkiOf(certificate));
    return named && keyed ? undefined : new Error('the server is not who it should be');
  };
}

/** Nothing where no name but the host name is asked for. */
function isNamed({ uri, dns }: MtlsServer, { subjectaltname }: PeerCertificate): boolean | undefined {
  if (uri === undefined && dns === undefined) return undefined;
  const names = readNames(subjectaltname);
  return uri === undefined ? names.dns.includes((dns ?? '').toLowerCase()) : names.uri.includes(uri);
}

function spkiOf({ raw }: PeerCertificate): string {
  const { publicKey } = new X509Certificate(raw);
  return hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'base64');
}
