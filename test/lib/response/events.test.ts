import { expect } from 'chai';
import fc from 'fast-check';
import { EventSplitter, rewriteEvent } from '../../../lib/response/events.js';

/** The events of a stream that is cut in pieces of these lengths, and what is left. */
function split(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const splitter = new EventSplitter();
  const events: Buffer[] = [];
  let at = 0;
  for (const length of lengths) {
    events.push(...splitter.push(bytes.subarray(at, at + length)));
    at += length;
  }
  events.push(...splitter.push(bytes.subarray(at)), ...splitter.rest());
  return events;
}

/** What a client makes of a stream (HTML Living Standard section 9.2.6): the data of each event that has any. */
function dispatched(stream: string): string[] {
  const found: string[] = [];
  let data: string[] = [];
  for (const line of stream.split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
    else if (line === 'data') data.push('');
    else if (line === '') {
      if (data.length > 0) found.push(data.join('\n'));
      data = [];
    }
  }
  return found;
}

const line = fc.oneof(
  fc.constantFrom(
    'data: {"id":1}',
    'data:{"id":"\u20ac\u{1f600}"}',
    'data',
    'data: ',
    ': note',
    'id: 7',
    'event: message',
    'x',
  ),
  fc.string({ maxLength: 6 }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
);
const stream = fc
  .array(fc.tuple(fc.oneof(line, fc.constant('')), fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 })
  .map((lines) => lines.map(([text, end]) => text + end).join(''));
const cuts = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 });

describe('EventSplitter', () => {
  it('ends an event at its blank line, however lines end', () => {
    for (const [first, second] of [
      ['data: 1\n\n', 'data: 2\n\n'],
      ['data: 1\r\n\r\n', 'data: 2\r\n\r\n'],
      ['data: 1\r\r', 'data: 2\r\r'],
      ['data: 1\n\r\n', 'data: 2\r\n\n'],
      ['data: 1\r\n\r', 'data: 2\n\r'],
      [': only a comment\n\n', '\n'],
    ] as const) {
      const events = split(Buffer.from(first + second), []);
      expect(events.map(String), JSON.stringify(first)).to.deep.equal([first, second]);
    }
  });

  it('does not take one line end of two characters for a blank line', () => {
    expect(split(Buffer.from('data: 1\r\nid: 2\r\n\r\n'), []).map(String)).to.deep.equal(['data: 1\r\nid: 2\r\n\r\n']);
    expect(split(Buffer.from('data: 1\r\nid: 2\r\n\r\n'), Array(30).fill(1)).map(String)).to.deep.equal([
      'data: 1\r\nid: 2\r\n\r',
      '\n',
    ]);
  });

  it('hands an event on with the byte that completes it', () => {
    const splitter = new EventSplitter();
    const push = (text: string): string[] => splitter.push(Buffer.from(text)).map(String);
    expect(push('data: 1')).to.deep.equal([]);
    expect(push('\n')).to.deep.equal([]);
    expect(push('\n')).to.deep.equal(['data: 1\n\n']);
    expect(push('data: 2\r\n\r')).to.deep.equal(['data: 2\r\n\r']);
    expect(push('\ndata: 3')).to.deep.equal(['\n']);
    expect(push('\r')).to.deep.equal([]);
    expect(push('')).to.deep.equal([]);
    expect(push('\n')).to.deep.equal([]);
    expect(push('\r\n')).to.deep.equal(['data: 3\r\n\r\n']);
    expect(splitter.rest()).to.deep.equal([]);
  });

  it('keeps what it holds when the handler uses its buffer again', () => {
    const splitter = new EventSplitter();
    const buffer = Buffer.from('data: 1\n');
    splitter.push(buffer);
    buffer.fill('x');
    expect(splitter.push(Buffer.from('\n')).map(String)).to.deep.equal(['data: 1\n\n']);
  });

  it('neither adds nor loses a byte, wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          stream.map((text) => Buffer.from(text)),
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        cuts,
        (bytes, lengths) => {
          expect(Buffer.concat(split(bytes, lengths)).equals(bytes)).to.equal(true);
        },
      ),
    );
  });

  it('finds the same messages, wherever it is cut', () => {
    fc.assert(
      fc.property(stream, cuts, (text, lengths) => {
        const events = split(Buffer.from(text), lengths);
        // Each piece is complete by itself: put through a parser one by one, they say what the whole stream says.
        const found = events.flatMap((event) => dispatched(event.toString()));
        expect(found).to.deep.equal(dispatched(text));
      }),
      { numRuns: 500 },
    );
  });
});

describe('rewriteEvent', () => {
  const rewritten = async (event: string, change?: object): Promise<string> =>
    (
      await rewriteEvent(Buffer.from(event), (message) =>
        Promise.resolve(change === undefined ? message : { ...message, ...change }),
      )
    ).toString();

  it('puts the new message in the place of the old, and keeps everything else', async () => {
    expect(await rewritten('id: 7\n: note\nevent: message\nretry: 10\ndata: {"id":1}\n\n', { seen: true })).to.equal(
      'id: 7\n: note\nevent: message\nretry: 10\ndata: {"id":1,"seen":true}\n\n',
    );
    expect(await rewritten('data: {"id":\ndata:1}\nid: 7\n\n', { seen: true })).to.equal(
      'id: 7\ndata: {"id":1,"seen":true}\n\n',
    );
  });

  it('cannot be made to end the event or the line by what a message holds', async () => {
    const text = 'a\n\ndata: {"forged":1}\r\rid: 9\u2028\u2029';
    const event = await rewritten('data: {"id":1}\n\n', { text });
    expect(dispatched(event)).to.deep.equal([JSON.stringify({ id: 1, text })]);
    expect(event.split('\n')).to.have.length(3);
  });

  it('leaves the very bytes of what is no message', async () => {
    for (const event of [
      'data: /path\n\n',
      'data: \n\n',
      ': x\n\n',
      '\n',
      'data: 7\n\n',
      'data: "x"\r\n\r\n',
      'data: null\r\r',
      'data: [7]\n\n',
      'datax: {"id":1}\n\n',
      'DATA: {"id":1}\n\n',
    ]) {
      expect(await rewritten(event, { seen: true }), JSON.stringify(event)).to.equal(event);
    }
  });

  it('leaves any bytes as they are where nothing changes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          stream.map((text) => Buffer.from(text)),
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        async (bytes) => {
          const same = await rewriteEvent(bytes, (message) => Promise.resolve(message));
          expect(same.equals(bytes)).to.equal(true);
        },
      ),
    );
  });
});
