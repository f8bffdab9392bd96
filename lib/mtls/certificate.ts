import { hash, X509Certificate } from 'node:crypto';
import { keep } from '../memo.js';
import { readNames, type CertificateNames } from './names.js';

/** A client certificate, whose key the client proved to hold in a TLS handshake. */
export interface ClientCertificate {
  /** SHA-256 over its DER form, base64url: the `x5t#S256` of a token that is bound to it (RFC 8705 section 3.1). */
  readonly thumbprint: string;
  /** Its subject alternative names. */
  readonly names: CertificateNames;
  /** When it is valid, both ends included. Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
}

/** How many certificates are kept in parsed form. */
const MAX_KNOWN = 1000;
const known = new Map<string, ClientCertificate>();

/**
 * Reads a certificate in DER form. A certificate has one such form, and anything around it is an error.
 * @throws {Error} when it is not one certificate
 */
export function readCertificate(der: Uint8Array): ClientCertificate {
  const thumbprint = hash('sha256', der, 'base64url');
  const earlier = known.get(thumbprint);
  if (earlier !== undefined) return earlier;
  const certificate = parse(der, thumbprint);
  keep(known, MAX_KNOWN, thumbprint, certificate);
  return certificate;
}

/** Whether a certificate is valid now: a connection can outlive it. */
export function isCurrent({ from, until }: ClientCertificate, now: Date): boolean {
  return now.getTime() >= from && now.getTime() <= until;
}

function parse(der: Uint8Array, thumbprint: string): ClientCertificate {
  const x509 = new X509Certificate(der);
  // A parser stops at the end of the certificate, and takes PEM as well.
  if (!x509.raw.equals(der)) throw new Error('not one certificate in DER form');
  const [from, until] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
  if (Number.isNaN(from) || Number.isNaN(until)) throw new Error('a certificate without a lifetime');
  return Object.freeze({ thumbprint, names: readNames(x509.subjectAltName), from, until });
}
