import { expect } from 'chai';
import { SignatureError } from '../../../lib/signatures/error.js';
import { signRequestFields, type UnsignedRequest } from '../../../lib/signatures/signRequest.js';

const nonce = 'n'.repeat(22);
const key: UnsignedRequest['key'] = {
  keyId: 'k1',
  algorithm: 'ES256',
  sign: (base) => Promise.resolve(base),
};
const json = { 'content-type': 'application/json' };

/** The fields, and the base that was signed. */
async function signed(given: Partial<UnsignedRequest> = {}, headers: Record<string, string> = {}) {
  const fields = await signRequestFields({
    method: 'POST',
    url: new URL('https://mcp.example.com/mcp?a=1'),
    headers: new Headers(headers),
    body: undefined,
    key,
    parameters: { created: 1, expires: 2, nonce },
    ...given,
  });
  return { fields, base: Buffer.from((fields['signature'] ?? '').slice('sig1=:'.length, -1), 'base64').toString() };
}

const failure = (...args: Parameters<typeof signed>): Promise<unknown> =>
  signed(...args).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('signRequestFields', () => {
  it('signs the request with the digest of its content', async () => {
    const { fields, base } = await signed({ body: Buffer.from('{"hello": "world"}') }, json);
    expect(fields).to.have.all.keys('content-digest', 'signature-input', 'signature');
    expect(fields['content-digest']).to.equal('sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:');
    const input = `("@method" "@target-uri" "content-type" "content-digest");created=1;expires=2;nonce="${nonce}"`;
    expect(fields['signature-input']).to.equal(`sig1=${input};keyid="k1";tag="mcp-etdi"`);
    expect(base).to.equal(
      '"@method": POST\n"@target-uri": https://mcp.example.com/mcp?a=1\n"content-type": application/json\n' +
        `"content-digest": ${fields['content-digest'] ?? ''}\n"@signature-params": ${input};keyid="k1";tag="mcp-etdi"`,
    );
  });

  it('signs a POST of nothing with the digest of nothing', async () => {
    const { fields } = await signed({}, json);
    expect(fields['content-digest']).to.equal('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:');
  });

  it('signs what has no content without a digest', async () => {
    for (const body of [undefined, new Uint8Array()]) {
      const { fields, base } = await signed({ method: 'GET', body }, { authorization: 'Bearer t' });
      expect(fields).to.have.all.keys('signature-input', 'signature');
      expect(base).to.match(/^"@method": GET\n"@target-uri": .*\n"authorization": Bearer t\n"@signature-params"/);
    }
  });

  it('covers content of a DELETE too', async () => {
    const { fields } = await signed({ method: 'DELETE', body: Buffer.of(1) }, json);
    expect(fields['signature-input']).to.include('"content-type" "content-digest"');
  });

  it('says that content needs a type, and that what is covered is ASCII', async () => {
    expect(await failure({ body: Buffer.of(1) }))
      .to.be.instanceOf(TypeError)
      .with.property('message', 'a signed request with content needs a Content-Type, which the signature covers');
    const beyond = await failure({ method: 'GET' }, { authorization: 'Bearer \u00e9' });
    expect(beyond)
      .to.be.instanceOf(TypeError)
      .with.property('message', 'a signed request needs its covered headers and parameters to be ASCII');
    expect(beyond).to.have.property('cause').that.is.instanceOf(SignatureError);
  });

  it('fails as its key failed', async () => {
    const broken = new RangeError('no key');
    expect(await failure({ key: { ...key, sign: () => Promise.reject(broken) } }, json)).to.equal(broken);
  });
});
