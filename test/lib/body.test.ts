import { expect } from 'chai';
import fc from 'fast-check';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { assertJson, MAX_BODY_BYTES, readBytes, wasRead } from '../../lib/body.js';
import { Denial } from '../../lib/denial.js';

/** A request whose body a test pushes. */
function incoming(headers: Record<string, string> = {}): IncomingMessage {
  const req = new IncomingMessage(new Socket());
  req.headers = headers;
  return req;
}

function sent(...chunks: readonly (Uint8Array | string)[]): IncomingMessage {
  const req = incoming();
  for (const chunk of chunks) req.push(Buffer.from(chunk as string));
  req.push(null);
  return req;
}

async function outcome(promise: Promise<Uint8Array>): Promise<string> {
  try {
    return Buffer.from(await promise).toString();
  } catch (error) {
    if (error instanceof Denial) return `${String(error.status)} ${String(error.code)}`;
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const unparsed = (): undefined => undefined;

describe('readBytes', () => {
  it('reads the exact bytes, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }), async (chunks) => {
        const bytes = await readBytes(sent(...chunks), unparsed, 1000);
        expect(Buffer.from(bytes).equals(Buffer.concat(chunks))).to.equal(true);
      }),
      { numRuns: 200 },
    );
  });

  it('reads up to the limit and not a byte more', async () => {
    expect(await outcome(readBytes(sent('abc', 'def'), unparsed, 6))).to.equal('abcdef');
    expect(await outcome(readBytes(sent('abc', 'defg'), unparsed, 6))).to.equal('413 body_too_large');
    expect(await outcome(readBytes(sent('abcdefg'), unparsed, 6))).to.equal('413 body_too_large');
    expect(await outcome(readBytes(sent(), unparsed, 6))).to.equal('');
  });

  it('denies by the declared length before anything is read', async () => {
    const req = incoming({ 'content-length': '7' });
    expect(await outcome(readBytes(req, unparsed, 6))).to.equal('413 body_too_large');
    expect(wasRead(req)).to.equal(false);
  });

  it('keeps what it read in little more memory than it is long', async () => {
    const req = incoming();
    const reading = readBytes(req, unparsed, MAX_BODY_BYTES);
    // Each piece keeps the 64 KiB alive that it is a part of.
    for (let count = 0; count < 2000; count += 1) req.push(Buffer.alloc(65536, 'x').subarray(0, 1));
    req.push(null);
    // What is small may be a part of the pool of Node, whose size is not the same in each release.
    expect((await reading).buffer.byteLength).to.be.at.most(Math.max(8192, Buffer.poolSize));
  });

  it('throws the rest of a body away that is too large', async () => {
    const req = incoming();
    const reading = outcome(readBytes(req, unparsed, 3));
    req.push('abcd');
    expect(await reading).to.equal('413 body_too_large');
    req.push('efgh');
    await new Promise(setImmediate);
    expect(req.readableFlowing).to.equal(true);
    expect(req.readableLength).to.equal(0);
  });

  it('denies a body that does not arrive completely', async () => {
    for (const failure of [undefined, new Error('reset')]) {
      const req = incoming();
      const reading = outcome(readBytes(req, unparsed, 10));
      req.push('abc');
      setImmediate(() => req.destroy(failure));
      expect(await reading).to.equal('400 body_incomplete');
    }
    const gone = incoming();
    gone.destroy();
    expect(await outcome(readBytes(gone, unparsed, 10))).to.equal('400 body_incomplete');
  });

  it('leaves no listener behind', async () => {
    const names = ['data', 'end', 'error', 'close'];
    const req = sent('abc');
    const before = names.map((name) => req.listenerCount(name));
    await readBytes(req, unparsed, 10);
    expect(names.map((name) => req.listenerCount(name))).to.deep.equal(before);
  });

  it('denies every coding but identity', async () => {
    for (const coding of ['gzip', 'identity, gzip', 'identity, identity', '', 'x']) {
      const req = incoming({ 'content-encoding': coding });
      expect(await outcome(readBytes(req, unparsed, 10)), coding).to.equal('415 encoding_unsupported');
    }
    const req = incoming({ 'content-encoding': 'Identity' });
    req.push('x');
    req.push(null);
    expect(await outcome(readBytes(req, unparsed, 10))).to.equal('x');
  });

  describe('after a parser', () => {
    async function parsed(extra: object = {}): Promise<IncomingMessage> {
      const req = Object.assign(sent('{"a":1}'), { complete: true }, extra);
      for await (const _ of req);
      return req;
    }

    it('takes the bytes that the parser kept', async () => {
      expect(await outcome(readBytes(await parsed({ rawBody: Buffer.from('raw') }), () => ({ a: 1 }), 10))).to.equal(
        'raw',
      );
      expect(await outcome(readBytes(await parsed(), () => Buffer.from('body'), 10))).to.equal('body');
      expect(await outcome(readBytes(await parsed({ rawBody: Buffer.from('raw') }), unparsed, 2))).to.equal(
        '413 body_too_large',
      );
    });

    it('does not take text for bytes: what it was decoded from is gone', async () => {
      for (const rawBody of [undefined, 'raw', {}, [114]]) {
        const text = await outcome(readBytes(await parsed({ rawBody }), () => ({ a: 1 }), 10));
        expect(text).to.match(/^TypeError: the body was consumed .* mount this package before the body parser/);
      }
    });

    it('does not take what something left beside a body that nobody has read', async () => {
      const req = Object.assign(sent('the body'), { rawBody: Buffer.from('forged') });
      expect(await outcome(readBytes(req, () => Buffer.from('forged'), 10))).to.equal('the body');
    });

    it('does not take a stream that gives text', async () => {
      const req = sent('x'.repeat(100));
      req.setEncoding('utf8');
      expect(await outcome(readBytes(req, unparsed, 10))).to.match(/^TypeError: the body was consumed/);
    });
  });
});

describe('assertJson', () => {
  const allows = (type: string | undefined): boolean => {
    try {
      assertJson(type === undefined ? {} : { 'content-type': [type] });
      return true;
    } catch (error) {
      expect(error).to.include({ status: 415, code: 'media_type_unsupported' });
      return false;
    }
  };

  it('allows application/json in any case and with parameters', () => {
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json ; charset=utf-8',
      'application/json;',
      'application/json; charset="UTF-8"',
      'application/json; charset=utf-8; profile=x',
      'application/json; profile=utf-16',
    ]) {
      expect(allows(type), type).to.equal(true);
    }
  });

  it('denies everything near it', () => {
    const types = [
      undefined,
      '',
      'application/jsonx',
      'application/json, text/plain',
      'xapplication/json',
      'application/json-seq',
      'text/json',
      'application/json; charset=utf-16',
      'application/json; charset=utf-7',
      'application/json;charset="utf-16"',
      'application/json; charset=utf-8x',
      'application/json; charset=utf-8; charset=utf-16',
    ];
    for (const type of types) expect(allows(type), type).to.equal(false);
  });

  it('denies two content types, one of which a proxy may have read', () => {
    const headers = { 'content-type': ['application/json', 'text/plain'] };
    expect(() => {
      assertJson(headers);
    }).to.throw('A header that may appear once appears twice');
  });

  it('allows or denies any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (type) => {
        expect(allows(type)).to.equal(/^application\/json[ \t]*(;|$)/i.test(type));
      }),
    );
  });
});
