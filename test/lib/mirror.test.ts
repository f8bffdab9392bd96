import { expect } from 'chai';
import fc from 'fast-check';
import { Denial } from '../../lib/denial.js';
import { assertMirrored } from '../../lib/mirror.js';
import { readMessages } from '../../lib/rpc.js';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
type Headers = Readonly<Record<string, string | readonly string[]>>;

/** Whether the headers agree with the body. Any error but a denial is a failure of the test. */
function agree(headers: Headers, ...bodies: readonly object[]): boolean {
  const lines = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]),
  );
  const messages = bodies.flatMap((body) => readMessages({ jsonrpc: '2.0', ...body }));
  try {
    assertMirrored(lines, messages);
    return true;
  } catch (error) {
    if (!(error instanceof Denial)) throw error;
    expect(error).to.include({ status: 400, code: 'header_mismatch', rpcCode: -32020 });
    return false;
  }
}

const callOf = (name: unknown): object => ({ id: 1, method: 'tools/call', params: { name } });
const sentinel = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;

describe('assertMirrored', () => {
  it('allows requests without such headers, of any revision', () => {
    expect(agree({}, callOf('echo'))).to.equal(true);
    expect(agree({ 'mcp-protocol-version': '2025-11-25' }, callOf('echo'))).to.equal(true);
  });

  it('requires that Mcp-Method is the method', () => {
    expect(agree({ 'mcp-method': 'tools/call' }, callOf('echo'))).to.equal(true);
    for (const method of [
      'tools/list',
      'Tools/Call',
      ' tools/call',
      '',
      'tools/call, tools/call',
      sentinel('tools/call'),
    ]) {
      expect(agree({ 'mcp-method': method }, callOf('echo')), method).to.equal(false);
    }
  });

  it('requires that Mcp-Name is the tool, prompt, resource or task', () => {
    const messages = [
      { id: 1, method: 'tools/call', params: { name: 'a', uri: 'x', taskId: 'x' } },
      { id: 1, method: 'prompts/get', params: { name: 'a', uri: 'x' } },
      { id: 1, method: 'resources/read', params: { uri: 'a', name: 'x' } },
      { id: 1, method: 'tasks/get', params: { taskId: 'a', name: 'x' } },
      { id: 1, method: 'tasks/update', params: { taskId: 'a' } },
      { id: 1, method: 'tasks/cancel', params: { taskId: 'a' } },
    ];
    for (const message of messages) {
      expect(agree({ 'mcp-name': 'a' }, message), message.method).to.equal(true);
      expect(agree({ 'mcp-name': 'x' }, message), message.method).to.equal(false);
      expect(agree({ 'mcp-name': 'A' }, message), message.method).to.equal(false);
    }
  });

  it('requires a name in the body where a header gives one', () => {
    for (const name of [undefined, null, 7, ['a'], { a: 1 }])
      expect(agree({ 'mcp-name': 'a' }, callOf(name))).to.equal(false);
    expect(agree({ 'mcp-name': '' }, callOf(''))).to.equal(true);
    expect(agree({ 'mcp-name': 'undefined' }, callOf(undefined))).to.equal(false);
  });

  it('denies a name or method beside a message that has none, which only a proxy would believe', () => {
    expect(agree({ 'mcp-name': 'a' }, { id: 1, method: 'tools/list' })).to.equal(false);
    expect(agree({ 'mcp-name': 'a' }, { id: 1, method: 'tools/list', params: { '': 'a', name: 'a' } })).to.equal(false);
    expect(agree({ 'mcp-name': 'a' }, { id: 1, result: {} })).to.equal(false);
    expect(agree({ 'mcp-method': 'tools/call' }, { id: 1, result: {} })).to.equal(false);
  });

  it('requires that MCP-Protocol-Version is the version of the body, where it names one', () => {
    const withMeta = (version: unknown): object => ({
      id: 1,
      method: 'ping',
      params: { _meta: { [VERSION]: version } },
    });
    expect(agree({ 'mcp-protocol-version': '2026-07-28' }, withMeta('2026-07-28'))).to.equal(true);
    for (const version of ['2025-11-25', 7, null, ['2026-07-28']]) {
      expect(agree({ 'mcp-protocol-version': '2026-07-28' }, withMeta(version))).to.equal(false);
    }
    for (const meta of [null, 'x', []]) {
      expect(
        agree({ 'mcp-protocol-version': '2026-07-28' }, { id: 1, method: 'ping', params: { _meta: meta } }),
      ).to.equal(true);
    }
  });

  it('requires that every message of a batch agrees', () => {
    expect(agree({ 'mcp-name': 'a' }, callOf('a'), callOf('a'))).to.equal(true);
    expect(agree({ 'mcp-name': 'a' }, callOf('a'), callOf('b'))).to.equal(false);
    expect(agree({ 'mcp-method': 'tools/call' }, callOf('a'), { id: 1, method: 'ping' })).to.equal(false);
    expect(agree({ 'mcp-method': 'tools/call' }, callOf('a'), { id: 1, result: {} })).to.equal(false);
  });

  it('holds for notifications too', () => {
    expect(agree({ 'mcp-name': 'a' }, { method: 'tools/call', params: { name: 'b' } })).to.equal(false);
  });

  it('denies a header that was sent twice, even with one value', () => {
    for (const name of ['mcp-name', 'mcp-method', 'mcp-protocol-version']) {
      expect(agree({ [name]: ['tools/call', 'tools/call'] }, callOf('tools/call')), name).to.equal(false);
    }
  });

  it('decodes the base64 form of names', () => {
    for (const name of ['echo', 'caf\u00e9', '\u{1f600}', '', ' a ', 'a\r\nb', '\ufeffa', sentinel('a')]) {
      expect(agree({ 'mcp-name': sentinel(name) }, callOf(name)), JSON.stringify(name)).to.equal(true);
      expect(agree({ 'mcp-name': sentinel(name) }, callOf(`${name}x`)), JSON.stringify(name)).to.equal(false);
    }
    expect(agree({ 'mcp-name': sentinel('\ufeffa') }, callOf('a'))).to.equal(false);
  });

  it('denies every other base64 form than the one of a text', () => {
    const wrong = [
      'ZWNobw',
      'ZWNobw=',
      'ZWNo bw==',
      'ZWNobw==\n',
      'ZWNobx==',
      'ZWNobw===',
      '%',
      'ZWNob-_=',
      '_w==',
      '/w==',
    ];
    for (const encoded of wrong)
      expect(agree({ 'mcp-name': `=?base64?${encoded}?=` }, callOf('echo')), encoded).to.equal(false);
    // Bytes that are no UTF-8 do not even equal what a lenient decoder makes of them.
    expect(agree({ 'mcp-name': '=?base64?/w==?=' }, callOf('\ufffd'))).to.equal(false);
  });

  it('takes what only looks like the base64 form as it is', () => {
    for (const name of [
      '=?base64?ZWNobw==',
      'ZWNobw==?=',
      '=?BASE64?ZWNobw==?=',
      '=?utf-8?B?ZWNobw==?=',
      '=?base64?=',
    ]) {
      expect(agree({ 'mcp-name': name }, callOf(name)), name).to.equal(true);
      expect(agree({ 'mcp-name': name }, callOf('echo')), name).to.equal(false);
    }
  });

  it('allows or denies any headers beside any body', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.base64String({ maxLength: 8 }).map((text) => `=?base64?${text}?=`),
    );
    const headers = fc.dictionary(
      fc.oneof(fc.constantFrom('mcp-name', 'mcp-method', 'mcp-protocol-version', '__proto__'), fc.string()),
      fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 2 })),
      { maxKeys: 3 },
    );
    const body = fc.record({
      id: fc.integer(),
      method: fc.oneof(fc.constantFrom('tools/call', 'resources/read'), fc.string()),
      params: fc.dictionary(fc.constantFrom('name', 'uri', '_meta', '__proto__'), fc.jsonValue({ maxDepth: 1 }), {
        maxKeys: 3,
      }),
    });
    fc.assert(
      fc.property(headers, body, (lines, message) => {
        expect(agree(lines, message)).to.be.a('boolean');
      }),
    );
  });

  it('finds every text again in its base64 form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (name, other) => {
        expect(agree({ 'mcp-name': sentinel(name) }, callOf(name))).to.equal(true);
        expect(agree({ 'mcp-name': sentinel(name) }, callOf(other))).to.equal(name === other);
      }),
    );
  });
});
