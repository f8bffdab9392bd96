import { expect } from 'chai';
import type { HttpRequest } from '../../../lib/context.js';
import { mayHoldToolList, toolListOf } from '../../../lib/definitions/listing.js';
import { readMessages } from '../../../lib/rpc.js';

const call = (id: unknown, method: string, params: object = {}) => ({ jsonrpc: '2.0', id, method, params });
const result = { tools: [{ name: 'add' }] };
const SESSION = { 'mcp-session-id': ['s1'] };
const asked = (messages: HttpRequest['messages'], headers: HttpRequest['headers'] = {}) => ({ messages, headers });
const answer = (id: unknown, value: unknown = result) => ({ jsonrpc: '2.0', id, result: value });

describe('a page of tools on its way out', () => {
  const list = readMessages(call(1, 'tools/list'));

  it('is the result that has the id of a tools/list', () => {
    expect(toolListOf(asked(list), answer(1))).to.equal(result);
    const batch = readMessages([call('1', 'ping'), call(1, 'tools/list'), call(2, 'tools/list', { cursor: 'x' })]);
    expect(toolListOf(asked(batch), answer(1))).to.equal(result);
    expect(toolListOf(asked(batch), answer(2))).to.equal(result);
  });

  for (const [what, messages, message] of [
    ['an answer to something else', readMessages(call(1, 'tools/call', { name: 'add' })), answer(1)],
    ['an answer to something else of a batch', readMessages([call(1, 'tools/list'), call('1', 'ping')]), answer('1')],
    ['an error', list, { jsonrpc: '2.0', id: 1, error: { code: -1, message: 'x' }, tools: [] }],
    ['a request of the server', list, { jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: result }],
    ['a request that also has a result', list, { ...answer(1), method: 'x' }],
    ['a result without tools', list, answer(1, { prompts: [] })],
    ['a result whose tools are no list', list, answer(1, { tools: {} })],
    ['no result', list, answer(1, null)],
    ['a result of a tool, on a stream of its own', [], answer(1, { tools: [], content: [] })],
    ['an answer to notifications alone', readMessages({ jsonrpc: '2.0', method: 'tools/list' }), answer(1)],
  ] as const) {
    it(`is not ${what}`, () => {
      expect(toolListOf(asked(messages), message)).to.equal(undefined);
    });
  }

  it('is told by its looks where answers are sent again, or nothing is known', () => {
    expect(toolListOf(asked([]), answer(7))).to.equal(result);
    expect(toolListOf(asked(undefined), answer(7))).to.equal(result);
  });

  it('does not escape under an id that came back in another spelling', () => {
    expect(toolListOf(asked(list), answer('1'))).to.equal(result);
    expect(toolListOf(asked(list), answer(null))).to.equal(result);
    const batch = readMessages([call(1, 'tools/list'), call(2, 'ping')]);
    expect(toolListOf(asked(batch), answer(null))).to.equal(result);
    expect(toolListOf(asked(batch), answer(2))).to.equal(undefined);
  });

  describe('in a session, where answers may leave on the response to something else', () => {
    for (const [what, messages] of [
      ['a call', readMessages(call(1, 'tools/call', { name: 'add' }))],
      ['something else of a batch', readMessages([call(2, 'tools/list'), call(1, 'ping')])],
      ['a notification', readMessages({ jsonrpc: '2.0', method: 'tools/list' })],
      ['an answer of the client', readMessages({ jsonrpc: '2.0', id: 1, result })],
    ] as const) {
      it(`is told by its looks on the response to ${what}`, () => {
        expect(mayHoldToolList(asked(messages, SESSION))).to.equal(true);
        expect(toolListOf(asked(messages, SESSION), answer(1))).to.equal(result);
        expect(toolListOf(asked(messages), answer(1))).to.equal(undefined);
      });

      it(`is not the result of a tool, nor a request of the server, on the response to ${what}`, () => {
        const given = { content: [], structuredContent: result };
        for (const other of [given, { ...given, ...result }, { ...result, tools: {} }, null]) {
          expect(toolListOf(asked(messages, SESSION), answer(1, other))).to.equal(undefined);
        }
        const ask = { jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: result };
        expect(toolListOf(asked(messages, SESSION), ask)).to.equal(undefined);
      });
    }

    it('is every result with tools that has the id of a tools/list, or that of no request', () => {
      const odd = { ...result, content: [] };
      expect(toolListOf(asked(list, SESSION), answer(1, odd))).to.equal(odd);
      expect(toolListOf(asked(list, SESSION), answer('1', odd))).to.equal(odd);
    });
  });

  it('does not escape under the id of another request of its batch', () => {
    const batch = readMessages([call(1, 'ping'), call(1, 'tools/list')]);
    expect(toolListOf(asked(batch), answer(1))).to.equal(result);
  });
});

describe('a response', () => {
  const notice = { jsonrpc: '2.0', method: 'tools/list' };
  const reply = { jsonrpc: '2.0', id: 1, result };
  for (const [what, messages, may] of [
    ['to a list', readMessages(call(1, 'tools/list')), true],
    ['to a batch with a list', readMessages([call(1, 'ping'), call(2, 'tools/list')]), true],
    ['that sends earlier ones again', [], true],
    ['to what was not read', undefined, true],
    ['to a call', readMessages(call(1, 'tools/call', { name: 'add' })), false],
    ['to another spelling', readMessages(call(1, 'Tools/list')), false],
    ['to a notification, which has none', readMessages(notice), false],
    ['to an answer of the client', readMessages(reply), false],
  ] as const) {
    it(`${what} ${may ? 'may' : 'cannot'} hold a page of tools`, () => {
      expect(mayHoldToolList(asked(messages))).to.equal(may);
      if (!may) expect(toolListOf(asked(messages), answer(1))).to.equal(undefined);
    });
  }
});
