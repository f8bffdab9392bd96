import { expect } from 'chai';
import type { Decision } from '../../lib/decision.js';
import { idsOf, RequestIds, sessionOf } from '../../lib/requestIds.js';
import { readMessages } from '../../lib/rpc.js';
import { fakeContext } from '../../lib/testing.js';

const DONE = { status: 200, ms: 1, aborted: false };
const GONE = { status: undefined, ms: 1, aborted: true };
const answer = (id: unknown) => ({ jsonrpc: '2.0', id, result: {} });
const requests = (...ids: readonly unknown[]) =>
  idsOf(readMessages(ids.map((id) => ({ jsonrpc: '2.0', id, method: 'ping' }))));

describe('ids of requests', () => {
  it('are those of requests alone, and a number is not the text of it', () => {
    const messages = readMessages([
      { jsonrpc: '2.0', id: 7, method: 'ping' },
      { jsonrpc: '2.0', id: '7', method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 8, result: {} },
    ]);
    expect(new Set(idsOf(messages)).size).to.equal(2);
    expect(requests(1, 1.0, 100, 1e2, -0, 0)).to.deep.equal(['1', '1', '100', '100', '0', '0']);
  });

  it('belong to the session that the lines of the header name', () => {
    const of = (id: string | readonly string[]) => sessionOf(fakeContext({ headers: { 'Mcp-Session-Id': id } }));
    expect(sessionOf(fakeContext())).to.equal(undefined);
    expect(of('s1')).to.match(/^[\w-]{43}$/);
    expect(of('s1')).to.equal(of('s1'));
    expect(new Set(['s1', 's2', '', ['s1', 's1']].map(of)).size).to.equal(4);
  });
});

describe('ids under way', () => {
  const open = (session = 's') => {
    const ids = new RequestIds();
    /** A request that took these, or why it could not. */
    const claim = (given: readonly unknown[], at = session) => {
      const ctx = fakeContext();
      return ids.claim(ctx, at, requests(...given)) ?? ctx;
    };
    const take = (given: readonly unknown[], at = session) => {
      const ctx = claim(given, at);
      if (typeof ctx === 'string') throw new Error(ctx);
      return ctx;
    };
    const share = (given: readonly unknown[], at = session) => {
      const ctx = fakeContext();
      ids.share(ctx, at, requests(...given));
      return ctx;
    };
    return { ids, claim, take, share };
  };

  it('are free again when all of a request are answered', () => {
    const { ids, claim, take } = open();
    const ctx = take([1, 2]);
    ids.see(ctx, answer(1));
    expect(claim([1])).to.equal('taken');
    ids.see(ctx, answer(2));
    expect(ids.has(ctx)).to.equal(false);
    take([1, 2]);
  });

  it('are not free by a message that answers nothing', () => {
    const { ids, claim, take } = open();
    const ctx = take([1]);
    const asking = { jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} };
    for (const other of [asking, answer('1'), answer(2), answer(null), answer([1]), {}]) ids.see(ctx, other);
    ids.see(fakeContext(), answer(1));
    expect(claim([1])).to.equal('taken');
  });

  const ENDS: readonly (readonly [string, { status: number | undefined; ms: number; aborted: boolean }, boolean])[] = [
    ['a response that answered nothing', DONE, true],
    ['one with 202', { ...DONE, status: 202 }, true],
    ['one with 299', { ...DONE, status: 299 }, true],
    ['a client that left', GONE, true],
    ['a client that left while it was refused', { ...GONE, status: 400 }, true],
    ['a refusal', { ...DONE, status: 400 }, false],
    ['one with 499', { ...DONE, status: 499 }, false],
    ['a redirect', { ...DONE, status: 300 }, false],
    ['a failure of the server', { ...DONE, status: 500 }, true],
  ];
  for (const [what, outcome, stays] of ENDS) {
    it(`are ${stays ? 'taken still' : 'free'} after ${what}`, () => {
      const { ids, claim, take } = open();
      ids.settle(take([1]), outcome);
      expect(claim([1]) === 'taken').to.equal(stays);
    });
  }

  it('are taken still when a hook has put its own answer in place of that of the server', () => {
    const { ids, claim } = open();
    const denied: Decision = { middleware: 'x', effect: 'deny', ms: 0, status: 503, code: 'unavailable' };
    const ctx = { ...fakeContext(), decisions: [denied] };
    ids.claim(ctx, 's', requests(1));
    ids.settle(ctx, { ...DONE, status: 503 });
    expect(claim([1])).to.equal('taken');
  });

  it('of a batch are left where they were not answered', () => {
    const { ids, claim, take } = open();
    const ctx = take([1, 2]);
    ids.see(ctx, answer(1));
    ids.settle(ctx, GONE);
    take([1]);
    expect(claim([2])).to.equal('taken');
  });

  it('are all taken or none, and none twice', () => {
    const { claim, take } = open();
    take([1]);
    for (const given of [
      [2, 1],
      [1, 2],
      [2, 2],
    ])
      expect(claim(given)).to.equal('taken');
    take([2]);
  });

  it('are those of one session', () => {
    const { ids, claim, take } = open();
    take([1], 'a');
    take([1], 'b');
    ids.end('a');
    take([1], 'a');
    expect(claim([1], 'b')).to.equal('taken');
  });

  it('of a session that is over are not taken from the next one by who comes late', () => {
    const { ids, claim, take } = open();
    const late = take([1]);
    ids.end('s');
    take([1]);
    ids.see(late, answer(1));
    ids.settle(late, GONE);
    expect(claim([1])).to.equal('taken');
  });

  it('are given back', () => {
    const { ids, take } = open();
    const ctx = take([1]);
    ids.free(ctx);
    ids.free(ctx);
    ids.settle(ctx, GONE);
    take([1]);
  });

  it('are a thousand in one session, and no others suffer', () => {
    const { ids, claim, take } = open();
    const first = take([-1]);
    for (let id = 1; id < 1000; id += 1) ids.settle(take([id]), GONE);
    expect(claim([1000])).to.equal('full');
    expect(claim([1])).to.equal('taken');
    take([1000], 'other');
    ids.see(first, answer(-1));
    expect(claim([1000, 1001])).to.equal('full');
    take([1000]);
    ids.end('s');
    take([1]);
  });

  it('that were left are a hundred thousand in all, of which the oldest are free again', () => {
    const { ids, claim, take } = open();
    const many = Array.from({ length: 1000 }, (_, id) => String(id));
    const leave = (session: string): void => {
      const ctx = fakeContext();
      expect(ids.claim(ctx, session, many)).to.equal(undefined);
      ids.settle(ctx, GONE);
    };
    for (let at = 0; at < 100; at += 1) leave(`s${at}`);
    const held = take([0], 'held');
    ids.settle(take([1], 'new'), GONE);
    take([0], 's0');
    expect(claim([1], 's0')).to.equal('taken');
    expect(claim([1], 'new')).to.equal('taken');
    expect(claim([0], 'held'), 'what is under way is not forgotten').to.equal('taken');
    ids.see(held, answer(0));
    // What is over makes room.
    ids.end('s5');
    leave('s5');
    expect(claim([1], 's0')).to.equal('taken');
  });

  describe('that are shared', () => {
    it('are that of one request where they are free', () => {
      const { ids, share } = open();
      const [one, two] = [share([1, 2]), share([3, '1'])];
      for (const id of [1, 2]) expect(ids.holds(one, id)).to.equal(true);
      for (const id of [3, '1']) expect(ids.holds(two, id)).to.equal(true);
      expect(ids.holds(one, 3)).to.equal(false);
      expect(ids.holds(fakeContext(), 1)).to.equal(false);
    });

    it("are nobody's from then on", () => {
      const { ids, share } = open();
      const [one, two] = [share([1, 2]), share([1, 3])];
      expect([one, two].map((ctx) => ids.holds(ctx, 1))).to.deep.equal([false, false]);
      expect(ids.holds(one, 2)).to.equal(true);
      expect(ids.holds(two, 3)).to.equal(true);
      for (const ctx of [one, two]) ids.settle(ctx, DONE);
      expect(ids.holds(share([1]), 1)).to.equal(false);
      expect(ids.holds(share([1], 'other'), 1)).to.equal(true);
      ids.end('s');
      expect(ids.holds(share([1]), 1)).to.equal(true);
    });

    it("are nobody's when one request has one twice", () => {
      const { ids, share } = open();
      const ctx = share([1, 1, 2]);
      expect([1, 2].map((id) => ids.holds(ctx, id))).to.deep.equal([false, true]);
      expect(ids.holds(share([1]), 1)).to.equal(false);
    });

    it("are nobody's when the session has no room", () => {
      const { ids, share } = open();
      for (let id = 0; id < 1000; id += 1) ids.settle(share([id]), GONE);
      expect(ids.holds(share([5000]), 5000)).to.equal(false);
    });
  });
});
