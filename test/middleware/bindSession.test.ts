import { expect } from 'chai';
import { Denial, Unavailable } from '../../lib/denial.js';
import {
  bindSession,
  memorySessions,
  type BindSessionOptions,
  type SessionStore,
  type State,
} from '../../lib/index.js';
import { fakeContext } from '../../lib/testing.js';
import { withoutStandardError } from '../adapters/standardError.js';

const authOf = (subject: string, clientId = 'app', issuer = 'https://issuer.example'): Partial<State> => ({
  auth: { subject, clientId, issuer } as State['auth'],
});
const signedBy = (owner: string): Partial<State> => ({ signature: { owner } as State['signature'] });
const alice = authOf('alice');

/** What came of something: nothing, or a code. */
async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Denial || error instanceof Unavailable ? error.code : error;
  }
}

describe('bindSession', () => {
  const open = (options: BindSessionOptions = {}) => {
    const { run, hooks } = bindSession(options);
    const ctxOf = (state: Partial<State>, id: string | readonly string[] | undefined, method = 'POST') =>
      fakeContext({ method, state, headers: id === undefined ? {} : { 'Mcp-Session-Id': id } });
    return {
      /** A request that uses a session. */
      use: (id: string | readonly string[] | undefined, state = alice, method = 'POST') =>
        codeOf(() => run(ctxOf(state, id, method))),
      /** A response that hands out a session. */
      issue: (
        issued: string | string[] | undefined,
        state = alice,
        { status = 200, id = undefined as string | undefined } = {},
      ) =>
        codeOf(() => hooks?.head?.(ctxOf(state, id), status, issued === undefined ? {} : { 'mcp-session-id': issued })),
      /** A response to DELETE. */
      end: (id: string, status = 200, state = alice) =>
        codeOf(() => hooks?.head?.(ctxOf(state, id, 'DELETE'), status, {})),
      run: (id: string, state: Partial<State>) => run(ctxOf(state, id)),
    };
  };

  it('lets requests without a session through, whoever they are from', async () => {
    const { use, issue } = open();
    expect(await use(undefined)).to.equal(undefined);
    expect(await use(undefined, {})).to.equal(undefined);
    expect(await issue(undefined, {})).to.equal(undefined);
  });

  for (const method of ['POST', 'GET', 'DELETE', 'PATCH']) {
    it(`lets the owner use a session with ${method}, and nobody else`, async () => {
      const { use, issue } = open();
      await issue('s1');
      expect(await use('s1', alice, method)).to.equal(undefined);
      expect(await use('s1', authOf('mallory'), method)).to.equal('session_unknown');
      expect(await use('s2', alice, method)).to.equal('session_unknown');
    });
  }

  const OTHERS: readonly (readonly [string, Partial<State>, Partial<State>])[] = [
    ['another subject', alice, authOf('bob')],
    ['another client of the same user', alice, authOf('alice', 'other')],
    ['the same names of another issuer', alice, authOf('alice', 'app', 'https://other.example')],
    ['names that are cut elsewhere', authOf('a', 'b","c'), authOf('a","b', 'c')],
    ['another signer', signedBy('https://a.example'), signedBy('https://b.example')],
    [
      'a signer without the token it was opened with',
      { ...alice, ...signedBy('https://a.example') },
      signedBy('https://a.example'),
    ],
  ];
  for (const [name, owner, other] of OTHERS) {
    it(`does not exist for ${name}`, async () => {
      const { use, issue } = open();
      await issue('s1', owner);
      expect(await use('s1', owner)).to.equal(undefined);
      expect(await use('s1', other)).to.equal('session_unknown');
      await issue('s2', other);
      expect(await use('s2', owner)).to.equal('session_unknown');
    });
  }

  it('says the same of a session of somebody else as of none, and records which it was', async () => {
    const { issue, run } = open();
    await issue('s1');
    const denialOf = async (id: string): Promise<Denial> => {
      try {
        await run(id, authOf('mallory'));
      } catch (error) {
        if (error instanceof Denial) return error;
      }
      throw new Error('it was not denied');
    };
    const foreign = await denialOf('s1');
    const unknown = await denialOf('s2');
    for (const error of [foreign, unknown]) {
      expect(error).to.include({ status: 404, rpcCode: -32001, message: 'Session not found', policy: false });
      expect(error.headers).to.deep.equal({});
    }
    expect(foreign.detail).to.deep.equal({ reason: 'foreign' });
    expect(unknown.detail).to.deep.equal({ reason: 'unknown' });
  });

  it('denies who is not proven', async () => {
    const { use, issue } = open();
    expect(await issue('s1', {})).to.equal('caller_unproven');
    expect(await use('s1', {})).to.equal('caller_unproven');
    expect(await use('s1')).to.equal('session_unknown');
  });

  const MALFORMED: readonly (readonly [string, string | readonly string[], string])[] = [
    ['that is empty', '', 'session_malformed'],
    ['with a space', 'a b', 'session_malformed'],
    ['of two values in one line', 's1, s1', 'session_malformed'],
    ['with a control character', 'a\u0001', 'session_malformed'],
    ['with a character beyond ASCII', 's1\u00e9', 'session_malformed'],
    ['of 2049 characters', 'a'.repeat(2049), 'session_malformed'],
    ['in two lines', ['s1', 's1'], 'header_duplicate'],
  ];
  for (const [name, id, code] of MALFORMED) {
    it(`denies an id ${name}`, async () => {
      const { use, issue } = open();
      await issue('s1');
      expect(await use(id)).to.equal(code);
    });
  }

  for (const id of ['!~', 'a,b', 'a'.repeat(2048), '__proto__']) {
    it(`takes the id ${id.slice(0, 20)} of ${id.length} characters`, async () => {
      const { use, issue } = open();
      expect(await issue(id)).to.equal(undefined);
      expect(await use(id)).to.equal(undefined);
      expect(await use(id, authOf('mallory'))).to.equal('session_unknown');
    });
  }

  for (const issued of ['', 'a b', 'a'.repeat(2049), ['s1', 's2']]) {
    it(`does not let the server hand out ${JSON.stringify(issued).slice(0, 20)}`, async () => {
      expect(await open().issue(issued)).to.be.instanceOf(TypeError);
    });
  }

  it('does not let the server hand out one id to two owners, and leaves it to the first', async () => {
    const { use, issue } = open();
    expect(await issue('s1')).to.equal(undefined);
    expect(await issue('s1', authOf('mallory'))).to.equal('session_conflict');
    expect(await issue('s1')).to.equal(undefined);
    expect(await use('s1')).to.equal(undefined);
    expect(await use('s1', authOf('mallory'))).to.equal('session_unknown');
  });

  it('binds no id that came with the request, only another one', async () => {
    const { use, issue } = open();
    expect(await issue('s1', alice, { id: 's1' })).to.equal(undefined);
    expect(await use('s1')).to.equal('session_unknown');
    expect(await issue('s2', alice, { id: 's1' })).to.equal(undefined);
    expect(await use('s2')).to.equal(undefined);
  });

  it('binds what an answer with an error hands out too', async () => {
    const { use, issue } = open();
    await issue('s1', alice, { status: 400 });
    expect(await use('s1')).to.equal(undefined);
  });

  it('ends a session with a DELETE that succeeded, and only for its owner', async () => {
    const { use, issue, end } = open();
    await issue('s1');
    for (const status of [199, 300, 404, 405, 500]) await end('s1', status);
    await end('s1', 200, authOf('mallory'));
    expect(await use('s1')).to.equal(undefined);
    for (const status of [200, 204, 299]) {
      await issue(`s${status}`);
      await end(`s${status}`, status);
      expect(await use(`s${status}`)).to.equal('session_unknown');
    }
  });

  it('gives up a session that nobody used for the time, and counts it from the last use', async () => {
    let time = 0;
    const { use, issue } = open({ ttl: 60, now: () => new Date(time) });
    await issue('s1');
    time = 59_999;
    expect(await use('s1')).to.equal(undefined);
    time += 59_999;
    expect(await use('s1', authOf('mallory'))).to.equal('session_unknown');
    expect(await use('s1')).to.equal(undefined);
    time += 60_000;
    expect(await use('s1')).to.equal('session_unknown');
  });

  it('is unavailable while the store is, whatever it throws', async () => {
    const down = () => Promise.reject(new Error('ECONNREFUSED'));
    const store: SessionStore = { bind: down, use: down, release: down };
    const { use, issue, end } = open({ store });
    expect(await issue('s1')).to.equal('unavailable');
    expect(await use('s1')).to.equal('unavailable');
    expect(await end('s1')).to.equal('unavailable');
    expect(await use(undefined)).to.equal(undefined);
    const full = open({ store: memorySessions({ max: 1 }) });
    await full.issue('s1');
    expect(await full.issue('s2')).to.equal('unavailable');
    expect(await full.use('s1')).to.equal(undefined);
  });

  it('tells of a session that nobody can use, and of no other', async () => {
    const orphans: string[] = [];
    const onOrphan = (id: string) => void orphans.push(id);
    const down = () => Promise.reject(new Error('ECONNREFUSED'));
    const lost = open({ store: { ...memorySessions(), bind: down }, onOrphan });
    expect(await lost.issue('s1')).to.equal('unavailable');
    expect(await lost.use('s1')).to.equal('session_unknown');
    expect(orphans).to.deep.equal(['s1']);
    const { issue } = open({ onOrphan });
    await issue('s2');
    expect(await issue('s2', authOf('mallory'))).to.equal('session_conflict');
    expect(orphans).to.deep.equal(['s1']);
  });

  it('is as unavailable when whoever is told of that fails', async () => {
    const down = () => Promise.reject(new Error('ECONNREFUSED'));
    const failures = [
      () => Promise.reject(new Error('broken')),
      () => {
        throw new Error('broken');
      },
    ];
    for (const onOrphan of failures) {
      const { issue } = open({ store: { ...memorySessions(), bind: down }, onOrphan });
      const lines = await withoutStandardError(async () => {
        expect(await issue('s1')).to.equal('unavailable');
      });
      expect(lines).to.have.lengthOf(1);
    }
  });

  it('lets nobody in on an answer that a store must not give', async () => {
    const odd = () => Promise.resolve(undefined as never);
    const { use, issue } = open({ store: { bind: odd, use: odd, release: odd } });
    expect(await issue('s1')).to.equal('session_conflict');
    expect(await use('s1')).to.equal('session_unknown');
  });

  it('shows a store nothing but digests', async () => {
    const seen: string[] = [];
    const { bind, use: used, release } = memorySessions();
    const store: SessionStore = {
      bind: (session, owner, ttl) => (seen.push(session, owner), bind(session, owner, ttl)),
      use: (session, owner, ttl) => (seen.push(session, owner), used(session, owner, ttl)),
      release: (session, owner) => (seen.push(session, owner), release(session, owner)),
    };
    const { use, issue, end } = open({ store });
    await issue('s1');
    await use('s1');
    await end('s1');
    expect(seen).to.have.lengthOf(6);
    for (const text of seen) expect(text).to.match(/^[\w-]{43}$/);
    expect(new Set(seen).size).to.equal(2);
  });

  describe('the ids of requests', () => {
    const start = (options: BindSessionOptions = {}) => {
      const { hooks } = bindSession(options);
      const ctxOf = (...ids: readonly unknown[]) => {
        const body = ids.map((id) => ({ jsonrpc: '2.0', id, method: 'ping' }));
        return fakeContext({ state: alice, headers: { 'Mcp-Session-Id': 's1' }, body });
      };
      const claim = (ctx: ReturnType<typeof ctxOf>) => codeOf(() => hooks?.claim?.(ctx));
      return { hooks, ctxOf, claim };
    };

    it("are one request's at a time, and asked for once", async () => {
      const { hooks, ctxOf, claim } = start();
      const ctx = ctxOf(7);
      for (let mounts = 0; mounts < 2; mounts += 1) expect(await claim(ctx)).to.equal(undefined);
      expect(hooks?.seesMessages?.(ctx)).to.equal(true);
      expect(await claim(ctxOf(7))).to.equal('request_id_taken');
      hooks?.settled?.(ctx, { status: undefined, ms: 1, aborted: true });
      expect(await claim(ctxOf(7))).to.equal('request_id_taken');
      expect(await claim(ctxOf(8))).to.equal(undefined);
    });

    it('are known to all that share a store, as they share its sessions', async () => {
      const store = memorySessions();
      const [one, two, other] = [start({ store }), start({ store }), start()];
      expect(await one.claim(one.ctxOf(7))).to.equal(undefined);
      expect(await two.claim(two.ctxOf(7))).to.equal('request_id_taken');
      expect(await other.claim(other.ctxOf(7))).to.equal(undefined);
    });

    it('are read in no request without a session', async () => {
      const { hooks, claim } = start();
      const ctx = fakeContext({ state: alice, body: 'not JSON' });
      expect(await claim(ctx)).to.equal(undefined);
      expect(ctx.request.messages).to.equal(undefined);
      expect(hooks?.seesMessages?.(ctx)).to.equal(false);
      const inSession = fakeContext({ state: alice, body: 'not JSON', headers: { 'Mcp-Session-Id': 's1' } });
      expect(await claim(inSession)).to.equal('json_malformed');
    });

    it('are unavailable in a session that has a thousand under way', async () => {
      const { ctxOf, claim } = start();
      for (let from = 0; from < 1000; from += 100) {
        expect(await claim(ctxOf(...Array.from({ length: 100 }, (_, id) => from + id)))).to.equal(undefined);
      }
      expect(await claim(ctxOf(1000))).to.equal('unavailable');
      expect(await claim(ctxOf(999))).to.equal('request_id_taken');
    });
  });

  const MISTAKES: readonly (readonly [object, RegExp])[] = [
    [{ ttl: 0 }, /'ttl' must be a whole number from 1 to 2678400/],
    [{ ttl: 2_678_401 }, /'ttl' must be a whole number/],
    [{ store: 'redis' }, /'store' must be a store with functions 'bind', 'use' and 'release'/],
    [{ stores: {} }, /unknown option 'stores'; did you mean 'store'\?/],
  ];
  for (const [options, message] of MISTAKES) {
    it(`does not build with ${JSON.stringify(options)}`, () => {
      expect(() => bindSession(options)).to.throw(TypeError, message);
    });
  }
});
