import { expect } from 'chai';
import { digestOfTool, type Manifest } from '../../../lib/definitions/form.js';
import { signJws } from '../../../lib/definitions/jws.js';
import { signManifest } from '../../../lib/definitions/sign.js';
import { verifyManifest } from '../../../lib/definitions/verify.js';
import { canonicalize } from '../../../lib/json/canonical.js';
import { at, NOW, publishing, sampleTool, SERVER, trustIn, type Publishing } from './support.js';

const DIGEST = digestOfTool(sampleTool());
const MANIFEST: Manifest = { server: SERVER, publisher: SERVER, serial: 7, tools: [DIGEST] };

describe('the signed list of all tools', () => {
  let ours: Publishing;
  let good: string;

  before(async () => {
    ours = await publishing();
    good = await signManifest(MANIFEST, ours.terms);
  });

  /** Signed by the right key, so that only the payload can be the reason to deny. */
  const signText = async (payload: string, publisher = SERVER): Promise<string> => {
    const { protected: header, signature } = await signJws('etdi-manifest+jws', payload, publisher, ours.terms);
    return `${header}.${Buffer.from(payload).toString('base64url')}.${signature}`;
  };
  const verdict = async (compact: unknown, time = NOW): Promise<unknown> => {
    const result = await verifyManifest(compact, ours.find, time);
    return typeof result === 'string' ? result : 'holds';
  };

  it('tells the server, the publisher, the serial and the digests', async () => {
    expect(await verifyManifest(good, ours.find, NOW)).to.deep.equal({
      keyId: ours.signer.keyId,
      owner: SERVER,
      algorithm: 'ES256',
      issuedAt: NOW,
      expiresAt: at(86_400),
      issuer: SERVER,
      manifest: MANIFEST,
    });
  });

  it('tells no names of tools', () => {
    expect(Buffer.from(good.split('.')[1] ?? '', 'base64url').toString()).to.equal(canonicalize(MANIFEST));
    expect(canonicalize(MANIFEST)).to.not.include('secure_file_read');
  });

  it('takes members that are not known', async () => {
    expect(await verdict(await signText(canonicalize({ ...MANIFEST, later: [1] })))).to.equal('holds');
  });

  it('holds until it expires', async () => {
    expect(await verdict(good, at(86_400))).to.equal('signature_expired');
  });

  it('denies any other payload under its signature', async () => {
    const [header = '', , signature = ''] = good.split('.');
    for (const other of [
      { ...MANIFEST, serial: 8 },
      { ...MANIFEST, tools: [] },
      { ...MANIFEST, server: 'https://b.example' },
    ]) {
      const payload = Buffer.from(canonicalize(other)).toString('base64url');
      expect(await verdict(`${header}.${payload}.${signature}`)).to.equal('signature_invalid');
    }
  });

  it('denies a list that was signed as a tool, and a key of somebody else', async () => {
    const misused = await signJws('etdi-tool+jws', canonicalize(MANIFEST), SERVER, ours.terms);
    const payload = Buffer.from(canonicalize(MANIFEST)).toString('base64url');
    expect(await verdict(`${misused.protected}.${payload}.${misused.signature}`)).to.equal('signature_misused');
    const strangers = await publishing('https://other.example');
    const foreign = await signManifest(MANIFEST, strangers.terms);
    const both = trustIn([
      [SERVER, ours.signer],
      ['https://other.example', strangers.signer],
    ]);
    expect(await verifyManifest(foreign, both, NOW)).to.equal('signer_foreign');
    expect(await verdict(foreign)).to.equal('signer_unknown');
  });

  for (const [what, manifest] of [
    ['no server', { ...MANIFEST, server: undefined }],
    ['an empty publisher', { ...MANIFEST, publisher: '' }],
    ['a negative serial', { ...MANIFEST, serial: -1 }],
    ['a serial that is no whole number', { ...MANIFEST, serial: 1.5 }],
    ['a serial that is a text', { ...MANIFEST, serial: '7' }],
    ['no tools', { ...MANIFEST, tools: undefined }],
    ['tools that are no digests', { ...MANIFEST, tools: ['secure_file_read'] }],
    ['nothing but a list', [MANIFEST]],
  ] as const) {
    it(`denies a list with ${what}, and does not sign one`, async () => {
      expect(await verdict(await signText(JSON.stringify(manifest)))).to.equal('definition_malformed');
      const error = await signManifest(manifest as never, ours.terms).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(TypeError);
    });
  }

  for (const [what, text] of [
    ['two members of one name', JSON.stringify(MANIFEST).replace('{', '{"serial":9,')],
    ['a byte order mark', `\ufeff${JSON.stringify(MANIFEST)}`],
    ['half of an object', '{"server":'],
  ] as const) {
    it(`denies a payload with ${what}`, async () => {
      expect(await verdict(await signText(text))).to.equal('definition_malformed');
    });
  }

  it('denies bytes that are no text', async () => {
    const [header = '', , signature = ''] = good.split('.');
    expect(await verdict(`${header}.${Buffer.from([0xff, 0xfe]).toString('base64url')}.${signature}`)).to.equal(
      'signature_malformed',
    );
  });

  for (const [what, change, reason] of [
    ['nothing', () => undefined, 'signature_missing'],
    ['null', () => null, 'signature_malformed'],
    ['an object', () => ({}), 'signature_malformed'],
    ['an empty text', () => '', 'signature_malformed'],
    ['two parts', (text) => text.split('.').slice(1).join('.'), 'signature_malformed'],
    ['four parts', (text) => `${text}.AA`, 'signature_malformed'],
    ['no payload', (text) => text.replace(/\.[^.]+\./, '..'), 'signature_malformed'],
    ['a line break', (text) => `${text}\n`, 'signature_malformed'],
    ['padding', (text) => text.replace('.', '=.'), 'signature_malformed'],
    ['a text without end', (text) => `${text}${'A'.repeat(1_000_000)}`, 'signature_malformed'],
  ] as readonly [string, (text: string) => unknown, string][]) {
    it(`denies ${what} in its place`, async () => {
      expect(await verdict(change(good))).to.equal(reason);
    });
  }
});
