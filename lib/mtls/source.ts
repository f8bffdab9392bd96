import type { HttpRequest } from '../context.js';
import { Denial } from '../denial.js';
import { listOf, oneOf, optional, readOptions, type Check } from '../options.js';
import { addressList, addressRange } from './addresses.js';
import { readCertificate } from './certificate.js';
import { nginxForm, RFC_9440, understood, type Forwarded, type HeaderForm } from './headers.js';

declare module '../denial.js' {
  interface DenialCodes {
    certificate_misplaced: 400;
  }
}

/** A proxy that ends TLS, verifies client certificates, and forwards them in a header that it takes from everybody else. */
export interface CertificateProxyOptions {
  /** The addresses from which the proxy connects, single ones or ranges: `['10.0.0.7', 'fd00::/64']`. */
  readonly addresses: readonly string[];
  /** `rfc9440`: `Client-Cert` (RFC 9440). `nginx`: `$ssl_client_escaped_cert` and `$ssl_client_verify`. */
  readonly format: 'rfc9440' | 'nginx';
  /** The header that holds `$ssl_client_escaped_cert`. Only with `nginx`. Default: `X-Client-Cert`. */
  readonly certificateHeader?: string;
  /** The header that holds `$ssl_client_verify`. Only with `nginx`. Default: `X-Client-Verify`. */
  readonly verifyHeader?: string;
}

/** Where certificates come from. */
export interface CertificateSource {
  /**
   * Requires that the headers of a proxy, where they are, can be read and come from the proxy.
   * @throws {Denial} 400 `certificate_misplaced`, `certificate_malformed` or `header_duplicate`
   */
  readonly inspect: (request: HttpRequest) => void;
  /** The certificate of whoever calls, or nothing. Throws as `inspect` does, which goes before it. */
  readonly read: (request: HttpRequest) => Forwarded | undefined;
}

const FIELD_NAME = /^[A-Za-z0-9-]{1,64}$/;
const fieldName: Check = (value) =>
  typeof value === 'string' && FIELD_NAME.test(value)
    ? undefined
    : "must be the name of a header, such as 'X-Client-Cert'";

/**
 * Prepares where certificates come from: the connection itself, or a trusted proxy.
 *
 * The headers of a proxy are denied from everybody else, and not ignored: whoever sends one wants to be somebody.
 * @throws {TypeError} when an option is not what it must be
 */
export function certificateSource(factory: string, proxy: CertificateProxyOptions | undefined): CertificateSource {
  if (proxy === undefined) {
    return {
      inspect: (request) => {
        assertAbsent(request, RFC_9440);
      },
      read: fromConnection,
    };
  }
  const { addresses, ...form } = readProxyOptions(`${factory} 'proxy'`, proxy);
  const trusted = addressList(addresses);
  const header = formOf(form);
  const read: CertificateSource['read'] = (request) => {
    if (trusted(request.connection.remoteAddress)) return header.read(request.headers);
    assertAbsent(request, header);
    // A certificate of this connection belongs to whoever is not the proxy, and went past its checks.
    return undefined;
  };
  return { inspect: read, read };
}

function readProxyOptions(factory: string, options: CertificateProxyOptions): CertificateProxyOptions {
  const given = readOptions<CertificateProxyOptions>(factory, options, {
    addresses: listOf(addressRange, { least: 1 }),
    format: oneOf('rfc9440', 'nginx'),
    certificateHeader: optional(fieldName),
    verifyHeader: optional(fieldName),
  });
  const named = given.certificateHeader ?? given.verifyHeader;
  if (given.format === 'rfc9440' && named !== undefined) {
    throw new TypeError(`${factory}: RFC 9440 names its header itself; leave '${named}' out, or set format to 'nginx'`);
  }
  return given;
}

function formOf(options: Omit<CertificateProxyOptions, 'addresses'>): HeaderForm {
  const { format, certificateHeader = 'X-Client-Cert', verifyHeader = 'X-Client-Verify' } = options;
  return format === 'rfc9440' ? RFC_9440 : nginxForm(certificateHeader, verifyHeader);
}

function assertAbsent({ headers }: HttpRequest, { names }: HeaderForm): void {
  if (names.every((name) => headers[name] === undefined)) return;
  throw new Denial(400, 'certificate_misplaced', 'A client certificate in a header is taken from a proxy alone');
}

/** A resumed session may come without the certificate that it began with: then there is none (RFC 9440 section 3.3). */
function fromConnection({ connection: { tls } }: HttpRequest): Forwarded | undefined {
  const x509 = tls?.certificate();
  if (tls === undefined || x509 === undefined) return undefined;
  return understood(() => ({ certificate: readCertificate(x509.raw), authorized: tls.authorized }));
}
