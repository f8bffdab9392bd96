import { expect } from 'chai';
import fc from 'fast-check';
import { Denial } from '../../lib/denial.js';
import { isObject, MAX_BATCH, parseJson, readMessages, type RpcMessage } from '../../lib/rpc.js';

const only = (body: unknown): RpcMessage | undefined => readMessages(body)[0];

/** The code of the denial, or nothing. Any other error is a failure of the test. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof Denial) return String(error.code);
    throw error;
  }
}

describe('parseJson', () => {
  it('reads UTF-8, from a part of a buffer too', () => {
    const text = '{"a":"\u20ac\u{1f600}"}';
    expect(parseJson(Buffer.from(text))).to.deep.equal({ a: '\u20ac\u{1f600}' });
    const bytes = Uint8Array.from(Buffer.from(`xx${text}xx`));
    expect(parseJson(bytes.subarray(2, -2))).to.deep.equal({ a: '\u20ac\u{1f600}' });
  });

  it('keeps `__proto__` a member like any other', () => {
    const parsed = parseJson(Buffer.from('{"__proto__":{"admin":true}}')) as { admin?: boolean };
    expect(Object.keys(parsed)).to.deep.equal(['__proto__']);
    expect(parsed.admin).to.equal(undefined);
  });

  it('denies what is not JSON in UTF-8', () => {
    const bodies = [
      Buffer.from(''),
      Buffer.from('{'),
      Buffer.from('{"a":1,}'),
      Buffer.from("{'a':1}"),
      Buffer.from('undefined'),
      Buffer.from('\ufeff{}'),
      Buffer.from([0x22, 0xc3, 0x28, 0x22]),
      Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
      Buffer.from([0x22, 0xc0, 0x80, 0x22]),
      Buffer.from('{}', 'utf16le'),
    ];
    for (const body of bodies)
      expect(
        codeOf(() => parseJson(body)),
        body.toString('hex'),
      ).to.equal('json_malformed');
  });

  it('keeps nothing of the body in its denial', () => {
    try {
      parseJson(Buffer.from('{"password":"hunter2",'));
      expect.fail('it was read');
    } catch (error) {
      const { message, stack, cause } = error as Error;
      expect([message, stack, String(cause)].join())
        .to.include('The body is not JSON')
        .and.not.include('hunter2');
    }
  });

  it('denies or reads any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(codeOf(() => readMessages(parseJson(bytes)))).to.be.oneOf([
          undefined,
          'json_malformed',
          'rpc_malformed',
        ]);
      }),
    );
  });
});

describe('readMessages', () => {
  it('tells requests, notifications and responses apart', () => {
    expect(only({ jsonrpc: '2.0', id: 1, method: 'ping' })).to.deep.equal({
      kind: 'request',
      id: 1,
      method: 'ping',
      params: {},
      target: { kind: 'method', name: 'ping' },
    });
    expect(only({ jsonrpc: '2.0', method: 'notifications/x', params: { a: 1 } })).to.deep.equal({
      kind: 'notification',
      method: 'notifications/x',
      params: { a: 1 },
      target: { kind: 'method', name: 'notifications/x' },
    });
    expect(only({ jsonrpc: '2.0', id: 'a', result: {} })).to.deep.equal({ kind: 'response', id: 'a' });
    expect(only({ jsonrpc: '2.0', id: 'a', error: { code: 1, message: 'x' } })).to.deep.equal({
      kind: 'response',
      id: 'a',
    });
  });

  it('names what a message is about', () => {
    const targets = [
      ['tools/call', { name: 'echo' }, 'tool', 'echo'],
      ['prompts/get', { name: 'p' }, 'prompt', 'p'],
      ['resources/read', { uri: 'file:///a' }, 'resource', 'file:///a'],
      ['resources/subscribe', { uri: 'file:///a' }, 'resource', 'file:///a'],
      ['resources/unsubscribe', { uri: 'file:///a' }, 'resource', 'file:///a'],
      ['tools/list', { name: 'echo' }, 'method', 'tools/list'],
      ['Tools/call', { name: 'echo' }, 'method', 'Tools/call'],
      ['__proto__', { name: 'echo' }, 'method', '__proto__'],
      ['constructor', { name: 'echo' }, 'method', 'constructor'],
    ] as const;
    for (const [method, params, kind, name] of targets) {
      expect(only({ jsonrpc: '2.0', id: 1, method, params })).to.deep.include({ target: { kind, name } });
      expect(only({ jsonrpc: '2.0', method, params })).to.deep.include({ target: { kind, name } });
    }
  });

  it('takes a call that names nothing for a call of a tool without a name', () => {
    for (const params of [undefined, {}, { name: 7 }, { name: null }, { name: ['echo'] }, { uri: 'echo' }]) {
      const message = only({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
      expect(message).to.deep.include({ target: { kind: 'tool', name: '' } });
    }
  });

  it('hands on the parameters as they are', () => {
    const params = { name: 'echo', arguments: { a: [1] } };
    expect(only({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })).to.have.property('params', params);
  });

  it('takes a message with a method for a call, whatever else it holds', () => {
    const smuggled = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'purge' }, result: {} };
    expect(only(smuggled)).to.deep.include({ kind: 'request', target: { kind: 'tool', name: 'purge' } });
  });

  it('takes the last of duplicate members, as the handler does', () => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"a","name":"b"}}';
    expect(only(parseJson(Buffer.from(text)))).to.deep.include({
      method: 'tools/call',
      target: { kind: 'tool', name: 'b' },
    });
  });

  it('does not see members that are inherited', () => {
    const polluted = Object.prototype as { method?: string; jsonrpc?: string };
    polluted.method = 'tools/call';
    polluted.jsonrpc = '2.0';
    try {
      expect(codeOf(() => readMessages({ id: 1 }))).to.equal('rpc_malformed');
      expect(only(JSON.parse('{"jsonrpc":"2.0","id":1,"result":{}}'))).to.deep.equal({ kind: 'response', id: 1 });
    } finally {
      delete polluted.method;
      delete polluted.jsonrpc;
    }
    const body: unknown = JSON.parse(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"__proto__":{"name":"echo"}}}',
    );
    expect(only(body)).to.deep.include({ target: { kind: 'tool', name: '' } });
  });

  it('reads every message of a batch, up to the limit', () => {
    const message = { jsonrpc: '2.0', method: 'ping' };
    expect(readMessages([message, { ...message, id: 0 }]).map(({ kind }) => kind)).to.deep.equal([
      'notification',
      'request',
    ]);
    expect(readMessages(Array(MAX_BATCH).fill(message))).to.have.length(100);
    expect(codeOf(() => readMessages(Array(MAX_BATCH + 1).fill(message)))).to.equal('rpc_malformed');
    expect(codeOf(() => readMessages([]))).to.equal('rpc_malformed');
    expect(codeOf(() => readMessages([message, [message]]))).to.equal('rpc_malformed');
    expect(codeOf(() => readMessages([message, null]))).to.equal('rpc_malformed');
  });

  it('denies what is no message', () => {
    const call = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const bodies: readonly unknown[] = [
      undefined,
      null,
      7,
      'x',
      {},
      { ...call, jsonrpc: '1.0' },
      { ...call, jsonrpc: 2 },
      { id: 1, method: 'ping' },
      { ...call, id: null },
      { ...call, id: undefined },
      { ...call, id: true },
      { ...call, id: 'x'.repeat(257) },
      { ...call, id: Infinity },
      { ...call, id: [] },
      { ...call, id: {} },
      { ...call, method: null },
      { ...call, method: ['ping'] },
      { ...call, params: [] },
      { ...call, params: 'x' },
      { ...call, params: 0 },
      { jsonrpc: '2.0', id: 1 },
      { jsonrpc: '2.0', result: {} },
      { jsonrpc: '2.0', id: null, result: {} },
      { jsonrpc: '2.0', id: 1, result: {}, error: {} },
    ];
    for (const body of bodies)
      expect(
        codeOf(() => readMessages(body)),
        JSON.stringify(body),
      ).to.equal('rpc_malformed');
  });

  it('denies or reads any JSON', () => {
    const near = fc.record(
      {
        jsonrpc: fc.oneof(fc.constant('2.0'), fc.jsonValue()),
        id: fc.jsonValue(),
        method: fc.oneof(fc.constant('tools/call'), fc.jsonValue()),
        params: fc.jsonValue(),
        result: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), near, fc.array(near, { maxLength: 3 })), (value) => {
        const code = codeOf(() => {
          for (const message of readMessages(value))
            expect(message.kind).to.be.oneOf(['request', 'notification', 'response']);
        });
        expect(code).to.be.oneOf([undefined, 'rpc_malformed']);
      }),
    );
  });
});

describe('isObject', () => {
  it('knows objects from arrays, null and values', () => {
    expect([{}, Object.create(null)].every(isObject)).to.equal(true);
    expect([[], null, undefined, 'x', 7, () => undefined].some(isObject)).to.equal(false);
  });
});
