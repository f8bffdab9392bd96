import { expect } from 'chai';
import fc from 'fast-check';
import { isDenial } from '../../../lib/denial.js';
import { isCurrent, readCertificate } from '../../../lib/mtls/certificate.js';
import { nginxForm, RFC_9440, type HeaderForm } from '../../../lib/mtls/headers.js';
import { RFC_8705_A, RFC_8705_A_THUMBPRINT, RFC_9440_A, RFC_9440_A_CHAIN, RFC_9440_A_THUMBPRINT } from './rfcs.js';

const LEAF = `:${RFC_9440_A}:`;

/** `none`, the thumbprint with `authorized` or not, or the code of the denial. */
function read(form: HeaderForm, headers: Readonly<Record<string, readonly string[] | undefined>>): string {
  try {
    const forwarded = form.read(headers);
    if (forwarded === undefined) return 'none';
    return `${forwarded.certificate.thumbprint}${forwarded.authorized ? '' : ' unauthorized'}`;
  } catch (error) {
    if (!isDenial(error)) throw error;
    expect(error.status).to.equal(400);
    return error.code;
  }
}

describe('a certificate', () => {
  it('has the thumbprint that RFC 8705 appendix A prints', () => {
    expect(readCertificate(Buffer.from(RFC_8705_A, 'base64')).thumbprint).to.equal(RFC_8705_A_THUMBPRINT);
  });

  it('is current from its first to its last moment', () => {
    const certificate = readCertificate(Buffer.from(RFC_9440_A, 'base64'));
    for (const [time, expected] of [
      ['2020-01-14T22:55:32.999Z', false],
      ['2020-01-14T22:55:33Z', true],
      ['2021-01-23T22:55:33Z', true],
      ['2021-01-23T22:55:33.001Z', false],
    ] as const)
      expect(isCurrent(certificate, new Date(time))).to.equal(expected);
  });

  it('is one in DER form, and nothing around it', () => {
    const der = Buffer.from(RFC_8705_A, 'base64');
    const pem = Buffer.from(`-----BEGIN CERTIFICATE-----\n${RFC_8705_A}\n-----END CERTIFICATE-----\n`);
    for (const bytes of [
      Buffer.concat([der, Buffer.from('x')]),
      Buffer.concat([der, der]),
      der.subarray(1),
      pem,
      Buffer.alloc(0),
    ])
      expect(() => readCertificate(bytes)).to.throw();
  });
});

describe('Client-Cert (RFC 9440)', () => {
  const cases: readonly (readonly [
    name: string,
    headers: Readonly<Record<string, readonly string[]>>,
    result: string,
  ])[] = [
    ['nothing', {}, 'none'],
    ['the figure of appendix A', { 'client-cert': [LEAF] }, RFC_9440_A_THUMBPRINT],
    ['with its chain', { 'client-cert': [LEAF], 'client-cert-chain': [RFC_9440_A_CHAIN] }, RFC_9440_A_THUMBPRINT],
    [
      'with a chain in two lines',
      { 'client-cert': [LEAF], 'client-cert-chain': RFC_9440_A_CHAIN.split(', ') },
      RFC_9440_A_THUMBPRINT,
    ],
    ['the certificate of RFC 8705', { 'client-cert': [`:${RFC_8705_A}:`] }, RFC_8705_A_THUMBPRINT],
    ['two lines', { 'client-cert': [LEAF, LEAF] }, 'header_duplicate'],
    ['two values in one line (section 2.2)', { 'client-cert': [`${LEAF}, ${LEAF}`] }, 'certificate_malformed'],
    ['a string instead of bytes', { 'client-cert': [`"${RFC_9440_A}"`] }, 'certificate_malformed'],
    ['a token instead of bytes', { 'client-cert': ['certificate'] }, 'certificate_malformed'],
    ['bytes that are no certificate', { 'client-cert': [':AAAA:'] }, 'certificate_malformed'],
    ['nothing in the line', { 'client-cert': [''] }, 'certificate_malformed'],
    ['base64 that is not canonical', { 'client-cert': [`:${RFC_9440_A.slice(0, -1)}:`] }, 'certificate_malformed'],
    ['a parameter', { 'client-cert': [`${LEAF};a=1`] }, 'certificate_malformed'],
    ['an inner list', { 'client-cert': [`(${LEAF})`] }, 'certificate_malformed'],
    ['a chain without it (section 2.3)', { 'client-cert-chain': [RFC_9440_A_CHAIN] }, 'certificate_malformed'],
    ['a chain that is none', { 'client-cert': [LEAF], 'client-cert-chain': ['a, b'] }, 'certificate_malformed'],
  ];
  for (const [name, headers, result] of cases) {
    it(`${result === 'none' || result.length > 40 ? 'takes' : 'denies'} ${name}`, () => {
      expect(read(RFC_9440, headers)).to.equal(result);
    });
  }

  it('is read or denied, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string()), (leaf, chain) => {
        const headers = { 'client-cert': [leaf], ...(chain === null ? {} : { 'client-cert-chain': [chain] }) };
        expect(read(RFC_9440, headers)).to.equal('certificate_malformed');
      }),
    );
  });
});

describe('the headers of nginx', () => {
  const form = nginxForm('X-Client-Cert', 'X-Client-Verify');
  const pem = `-----BEGIN CERTIFICATE-----\n${RFC_8705_A.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  const escaped = encodeURIComponent(pem);
  const certificate = { 'x-client-cert': [escaped] };
  const cases: readonly (readonly [
    name: string,
    headers: Readonly<Record<string, readonly string[]>>,
    result: string,
  ])[] = [
    ['nothing', {}, 'none'],
    ['NONE and no certificate', { 'x-client-verify': ['NONE'] }, 'none'],
    ['empty headers', { 'x-client-verify': [''], 'x-client-cert': [''] }, 'none'],
    ['a verified certificate', { ...certificate, 'x-client-verify': ['SUCCESS'] }, RFC_8705_A_THUMBPRINT],
    [
      'one that is not',
      { ...certificate, 'x-client-verify': ['FAILED:unable to verify'] },
      `${RFC_8705_A_THUMBPRINT} unauthorized`,
    ],
    ['a certificate without a verdict', certificate, 'certificate_malformed'],
    ['a certificate and NONE', { ...certificate, 'x-client-verify': ['NONE'] }, 'certificate_malformed'],
    ['another verdict', { ...certificate, 'x-client-verify': ['success'] }, 'certificate_malformed'],
    ['SUCCESS without a certificate', { 'x-client-verify': ['SUCCESS'] }, 'certificate_malformed'],
    ['two verdicts', { ...certificate, 'x-client-verify': ['FAILED', 'SUCCESS'] }, 'header_duplicate'],
    ['two certificates', { 'x-client-cert': [escaped, escaped], 'x-client-verify': ['SUCCESS'] }, 'header_duplicate'],
    [
      'two certificates in one',
      { 'x-client-cert': [escaped + escaped], 'x-client-verify': ['SUCCESS'] },
      'certificate_malformed',
    ],
    ['a broken escape', { 'x-client-cert': ['%E0%A4%A'], 'x-client-verify': ['SUCCESS'] }, 'certificate_malformed'],
    [
      'a private key',
      {
        'x-client-cert': [encodeURIComponent(pem.replaceAll('CERTIFICATE', 'PRIVATE KEY'))],
        'x-client-verify': ['SUCCESS'],
      },
      'certificate_malformed',
    ],
  ];
  for (const [name, headers, result] of cases) {
    it(`${result === 'none' || result.length > 40 ? 'bring' : 'are denied with'} ${name}`, () => {
      expect(read(form, headers)).to.equal(result);
    });
  }
});
