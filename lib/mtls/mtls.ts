import type { HttpRequest } from '../context.js';
import { Denial } from '../denial.js';
import { listOf, object, optional, readOptions } from '../options.js';
import type { Auth } from '../tokens/auth.js';
import { bearerChallenge } from '../tokens/bearer.js';
import type { PossessionProof } from '../tokens/binding.js';
import type { Challenged } from '../tokens/denials.js';
import { TokenFault } from '../tokens/fault.js';
import { readCallers, toCertificateAuth, type CertificateCaller } from './callers.js';
import { isCurrent, type ClientCertificate } from './certificate.js';
import type { Forwarded } from './headers.js';
import { certificateSource, type CertificateProxyOptions } from './source.js';

declare module '../denial.js' {
  interface DenialCodes {
    certificate_invalid: 401;
  }
}

/** What client certificates prove. */
export interface MtlsOptions {
  /** Who may call with a certificate and without a token. Default: nobody; a certificate then only proves a bound token. */
  readonly callers?: readonly CertificateCaller[];
  /** Where TLS ends, if not in this process. Default: certificates come from the connection. */
  readonly proxy?: CertificateProxyOptions;
}

/** Mutual TLS, as `authenticate` uses it. */
export interface MutualTls {
  readonly proof: PossessionProof;
  /**
   * Requires of every request that it holds no certificate where none may be.
   * @throws {Denial} 400 `certificate_misplaced`, `certificate_malformed` or `header_duplicate`
   */
  readonly inspect: (request: HttpRequest) => void;
  /**
   * Who calls, by the certificate alone; nothing where there is none, or nobody asked for one.
   * @throws {Denial} 401 `certificate_invalid` when it is not valid, or names nobody who may call
   */
  readonly caller: (request: HttpRequest) => Auth | undefined;
}

/**
 * Prepares mutual TLS (RFC 8705). Whether a certificate leads to a trusted authority is for the TLS layer to tell, here or
 * in the proxy; who its names stand for, and whether it has expired since, is decided here.
 * @throws {TypeError} when an option is not what it must be
 */
export function openMtls(options: MtlsOptions, challenged: Challenged, now: () => Date): MutualTls {
  const factory = "authenticate 'mtls'";
  const { callers, proxy } = readOptions<MtlsOptions>(factory, options, {
    callers: optional(listOf(object, { least: 1 })),
    proxy: optional(object),
  });
  const source = certificateSource(factory, proxy);
  const findCaller = callers === undefined ? undefined : readCallers(`${factory} 'callers'`, callers);
  // One frozen object for each certificate: later checks remember what they worked out about it.
  const known = new WeakMap<ClientCertificate, Auth>();

  const authOf = (clientId: string, certificate: ClientCertificate): Auth => {
    const auth = known.get(certificate) ?? toCertificateAuth(clientId, certificate, challenged.resource);
    known.set(certificate, auth);
    return auth;
  };

  return {
    inspect: source.inspect,
    proof: {
      method: 'mtls',
      prove: ({ ctx }, thumbprint) => {
        const forwarded = source.read(ctx.request);
        if (forwarded === undefined || problemOf(forwarded, now()) !== undefined) throw new TokenFault('certificate');
        if (forwarded.certificate.thumbprint !== thumbprint) throw new TokenFault('certificate');
      },
    },
    caller: (request) => {
      const forwarded = findCaller && source.read(request);
      if (forwarded === undefined) return undefined;
      const { certificate } = forwarded;
      const problem = problemOf(forwarded, now());
      const clientId = findCaller?.(certificate);
      if (problem !== undefined || clientId === undefined) throw invalid(problem ?? 'name', challenged);
      return authOf(clientId, certificate);
    },
  };
}

function problemOf({ certificate, authorized }: Forwarded, now: Date): 'authority' | 'lifetime' | undefined {
  if (!authorized) return 'authority';
  return isCurrent(certificate, now) ? undefined : 'lifetime';
}

/** A token would help as well, so the answer says where to get one. */
function invalid(reason: string, { resource, scopes = [] }: Challenged): Denial {
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(' ') };
  return new Denial(401, 'certificate_invalid', 'The client certificate is not valid here', {
    headers: { 'WWW-Authenticate': bearerChallenge(resource, scope) },
    detail: { reason },
  });
}
