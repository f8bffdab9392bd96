import { expect } from 'chai';
import { hash } from 'node:crypto';
import { contentDigest, verifyContentDigest } from '../../../lib/signatures/contentDigest.js';
import { rejectionOf } from './thrown.js';

const HELLO = '{"hello": "world"}';
const SHA_256 = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:';
const SHA_512 = 'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:';
const OTHER_256 = 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:';
const OTHER_512 = 'sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:';

/** Section, content and field. */
const EXAMPLES: readonly (readonly [string, string, string])[] = [
  ['RFC 9530 appendix D', HELLO, SHA_512],
  ['RFC 9530 appendix D', HELLO, SHA_256],
  ['RFC 9530 section 2 (with a line end)', `${HELLO}\n`, OTHER_512],
  ['RFC 9530 appendix C.1 (with a line end)', `${HELLO}\n`, 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'],
  [
    'RFC 9421 section 2.4',
    '{"busy": true, "message": "Your call is very important to us"}',
    'sha-512=:0Y6iCBzGg5rZtoXS95Ijz03mslf6KAMCloESHObfwnHJDbkkWWQz6PhhU9kxsTbARtY2PTBOzq24uJFpHsMuAg==:',
  ],
  [
    'RFC 9421 appendix B.2',
    '{"message": "good dog"}',
    'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
  ],
  ['RFC 9530 section 6.3 (empty content)', '', OTHER_256],
];

const check = (lines: readonly string[] | undefined, content: string | Uint8Array = HELLO) =>
  rejectionOf(() => verifyContentDigest(lines, Buffer.from(content)));

describe('Content-Digest', () => {
  for (const [section, content, field] of EXAMPLES) {
    it(`is that of ${section}, ${field.slice(0, 7)}`, async () => {
      expect(contentDigest(Buffer.from(content), field.startsWith('sha-256') ? 'sha-256' : 'sha-512')).to.equal(field);
      expect(await check([field], content)).to.equal(undefined);
      expect(await check([field], `${content} `)).to.equal('digest_mismatch');
    });
  }

  it('is made with SHA-256', () => {
    expect(contentDigest(Buffer.from(HELLO))).to.equal(SHA_256);
  });

  it('is that of the bytes of a view, not of the buffer beneath', async () => {
    const bytes = Buffer.from(`xx${HELLO}xx`).subarray(2, -2);
    expect(contentDigest(bytes)).to.equal(SHA_256);
    expect(await check([SHA_256], bytes)).to.equal(undefined);
  });

  describe('pitfall 11', () => {
    it('denies a message without one', async () => {
      expect(await check(undefined)).to.equal('digest_missing');
      expect(await check([])).to.equal('digest_missing');
    });

    it('denies digests of algorithms that are broken or unknown only', async () => {
      for (const field of [
        'md5=:Sd/dVLAcvNLSq16eXua5uQ==:',
        'sha=:07CavjDP4u3/TungoUHJO/Wzr4c=:',
        'unixsum=:GQU=:, unixcksum=:7zsHAA==:',
        'adler=:OZkGFw==:',
        'crc32c=:Q3lHIA==:',
        'sha-1=:07CavjDP4u3/TungoUHJO/Wzr4c=:',
        'sha256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
        'id-sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
        'constructor=:YQ==:',
        '',
      ]) {
        expect(await check([field]), field).to.equal('digest_unsupported');
      }
    });

    it('does not look at them beside one that counts', async () => {
      expect(await check([`md5=:AAAA:, ${SHA_256}, crc32c=::`])).to.equal(undefined);
    });

    it('denies two of which either is wrong', async () => {
      expect(await check([`${SHA_256}, ${SHA_512}`])).to.equal(undefined);
      expect(await check([`${SHA_512},${SHA_256}`])).to.equal(undefined);
      expect(await check([`${SHA_256}, ${OTHER_512}`])).to.equal('digest_mismatch');
      expect(await check([`${OTHER_256}, ${SHA_512}`])).to.equal('digest_mismatch');
      expect(await check([`${SHA_512}, ${OTHER_256}`])).to.equal('digest_mismatch');
    });

    it('denies values that are not bytes', async () => {
      for (const value of ['"X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="', 'abc', '1', '?1', '(:YQ==:)', '@1']) {
        expect(await check([`sha-256=${value}`]), value).to.equal('malformed');
        expect(await check([`${SHA_256}, md5=${value}`]), value).to.equal('malformed');
      }
      for (const field of [
        'sha-256',
        'sha-256=',
        'sha-256=:',
        `${SHA_256},`,
        `${SHA_256} ${SHA_512}`,
        SHA_256.toUpperCase(),
      ]) {
        expect(await check([field]), field).to.equal('malformed');
      }
    });

    it('denies an algorithm that comes twice, in one line or in two, the same or another', async () => {
      for (const lines of [
        [`${SHA_256}, ${SHA_256}`],
        [`${OTHER_256}, ${SHA_256}`],
        [`${SHA_256}, ${OTHER_256}`],
        [SHA_256, SHA_256],
        [SHA_256, OTHER_256],
        [OTHER_256, SHA_256],
        [SHA_256, ''],
      ]) {
        expect(await check(lines), lines.join(' | ')).to.equal('malformed');
      }
    });

    it('reads its lines as one field', async () => {
      expect(await check([SHA_256, SHA_512])).to.equal(undefined);
      expect(await check([SHA_256, OTHER_512])).to.equal('digest_mismatch');
    });

    it('denies a digest that is cut off, longer or written loosely', async () => {
      const bytes = Buffer.from(SHA_256.slice(9, -1), 'base64');
      for (const wrong of [bytes.subarray(0, 16), Buffer.alloc(0), Buffer.concat([bytes, Buffer.of(0)])]) {
        expect(await check([`sha-256=:${wrong.toString('base64')}:`])).to.equal('digest_mismatch');
      }
      for (const field of [SHA_256.replace('=:', '=: '), SHA_256.replace('=:X', '=:\nX'), SHA_256.slice(0, -2) + ':']) {
        expect(await check([field]), field).to.equal('malformed');
      }
      expect(await check([SHA_256.replace('PE=', 'PF=')])).to.equal('malformed');
    });

    it('denies a field that is too long to be one', async () => {
      expect(await check([`${SHA_256}, x=:${'AAAA'.repeat(2100)}:`])).to.equal('malformed');
      const start = `${SHA_256}, ${SHA_512}, xx=`;
      const string = (length: number): string => `${start}:${'AAAA'.repeat((length - start.length - 2) / 4)}:`;
      const most = start.length + 2 + Math.floor((8192 - start.length - 2) / 4) * 4;
      const padding = ' '.repeat(8192 - most);
      expect(await check([`${padding}${string(most)}`])).to.equal(undefined);
      expect(await check([`${padding} ${string(most)}`])).to.equal('malformed');
    });
  });

  it('is compared around the size from which it is computed in the thread pool', async () => {
    for (const size of [131_071, 131_072, 131_073, 1_000_000]) {
      const content = Buffer.alloc(size, 7);
      const both = `sha-256=:${hash('sha256', content, 'base64')}:, sha-512=:${hash('sha512', content, 'base64')}:`;
      expect(await check([both], content)).to.equal(undefined);
      expect(await check([contentDigest(content)], content)).to.equal(undefined);
      content.writeUInt8(8, size - 1);
      expect(await check([both], content)).to.equal('digest_mismatch');
      expect(await check([SHA_256], content)).to.equal('digest_mismatch');
    }
  });
});
