import './reflect.js';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type Extension,
  type JsonGeneralNames,
  type X509Certificate,
} from '@peculiar/x509';

cryptoProvider.set(webcrypto as never);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate with its key, as TLS options and files take them. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly der: Buffer;
}

/** A certificate authority of a test's own. */
export interface Authority {
  readonly ca: string;
  /** A certificate for both sides of a connection. `from` and `until` are seconds from now. */
  readonly issue: (
    names: JsonGeneralNames,
    lifetime?: { readonly from?: number; readonly until?: number },
  ) => Promise<Issued>;
}

export async function certificateAuthority(name = 'Test CA'): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
    ...period(),
  });
  return {
    ca: ca.toString('pem'),
    issue: (names, lifetime) => issue(ca, keys.privateKey, names, lifetime),
  };
}

async function issue(
  ca: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  names: JsonGeneralNames,
  lifetime: { readonly from?: number; readonly until?: number } = {},
): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
    ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
  ];
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=test',
    issuer: ca.subject,
    publicKey: keys.publicKey as never,
    signingKey: signingKey as never,
    signingAlgorithm: ALGORITHM,
    extensions,
    ...period(lifetime),
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
  return { cert: certificate.toString('pem'), key, der: Buffer.from(certificate.rawData) };
}

function period({ from = -60, until = 3600 } = {}): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() + from * 1000), notAfter: new Date(Date.now() + until * 1000) };
}
