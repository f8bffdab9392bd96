import type { HttpRequest } from '../context.js';
import { Denial } from '../denial.js';
import { single } from '../headers.js';
import { parseItem, parseList } from '../signatures/parse.js';
import { isInnerList, type Member } from '../signatures/structured.js';
import { readCertificate, type ClientCertificate } from './certificate.js';

declare module '../denial.js' {
  interface DenialCodes {
    certificate_malformed: 400;
  }
}

/** A certificate, and whether whoever ended TLS found it to be issued by an authority that they trust. */
export interface Forwarded {
  readonly certificate: ClientCertificate;
  readonly authorized: boolean;
}

/** How a proxy forwards certificates. */
export interface HeaderForm {
  /** The headers that only the proxy may send, in lower case. */
  readonly names: readonly string[];
  /** @throws {Denial} 400 `certificate_malformed` or `header_duplicate` */
  readonly read: (headers: HttpRequest['headers']) => Forwarded | undefined;
}

/** `Client-Cert`, by whoever follows RFC 9440. The proxy sends it for certificates that it verified. */
export const RFC_9440: HeaderForm = {
  names: Object.freeze(['client-cert', 'client-cert-chain']),
  read: (headers) => {
    const leaf = single(headers, 'client-cert');
    const chain = headers['client-cert-chain'];
    if (leaf === undefined && chain === undefined) return undefined;
    return understood(() => {
      // The chain says nothing that is asked here, but without a leaf it must not come (section 2.3).
      if (chain !== undefined) parseList(chain.join(', ')).forEach(bytesOf);
      return { certificate: readCertificate(bytesOf(parseItem(leaf ?? ''))), authorized: true };
    });
  },
};

const PEM = /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/\n]+={0,2})\n-----END CERTIFICATE-----\n?$/;
const VERIFIED = 'SUCCESS';

/** The variables `$ssl_client_escaped_cert` and `$ssl_client_verify` of nginx, in two headers. */
export function nginxForm(certificateHeader: string, verifyHeader: string): HeaderForm {
  const names = [certificateHeader, verifyHeader].map((name) => name.toLowerCase());
  const [certificateName = '', verifyName = ''] = names;
  return {
    names,
    read: (headers) => {
      const escaped = single(headers, certificateName) ?? '';
      const verdict = single(headers, verifyName) ?? '';
      if (escaped === '' && (verdict === '' || verdict === 'NONE')) return undefined;
      return understood(() => {
        const [, base64] = PEM.exec(decodeURIComponent(escaped)) ?? [];
        const authorized = verdict === VERIFIED;
        if (base64 === undefined || !(authorized || verdict.startsWith('FAILED'))) throw new Error('not of this form');
        return { certificate: readCertificate(Buffer.from(base64, 'base64')), authorized };
      });
    },
  };
}

function bytesOf(member: Member): Uint8Array {
  if (isInnerList(member) || member.item.type !== 'bytes' || member.parameters.size > 0) {
    throw new Error('not a byte sequence');
  }
  return member.item.value;
}

/**
 * Whatever cannot be read is malformed, and why is nobody's business: a parser's message quotes what it read.
 * @throws {Denial} 400 `certificate_malformed`
 */
export function understood(read: () => Forwarded): Forwarded {
  try {
    return read();
  } catch {
    throw new Denial(400, 'certificate_malformed', 'The client certificate is malformed');
  }
}
