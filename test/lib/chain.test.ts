import { expect } from 'chai';
import { assertOrdered, buildChain, joinHooks, NO_HOOKS, pick, requires } from '../../lib/chain.js';
import type { Slot } from '../../lib/context.js';
import type { AnyMiddleware, Hooks } from '../../lib/middleware.js';
import { fakeContext } from '../../lib/testing.js';

declare module '../../lib/context.js' {
  interface State {
    chainA: { readonly a: number };
    chainB: { readonly b: number };
  }
}

const one = (name: string, more: Partial<AnyMiddleware> = {}): AnyMiddleware => ({
  name,
  needs: [],
  adds: [],
  run: () => ({}),
  ...more,
});
const adds = (name: string, ...slots: readonly Slot[]): AnyMiddleware => one(name, { adds: slots });

describe('buildChain', () => {
  it('takes any order that its needs allow', () => {
    const lists: readonly (readonly AnyMiddleware[])[] = [
      [],
      [one('a')],
      [adds('a', 'chainA'), one('b', { needs: ['chainA'] })],
      [adds('a', 'chainA'), one('b'), one('c', { needs: ['chainA'], oneOf: ['chainA', 'chainB'] })],
      [one('a', { mayAdd: ['chainB'] }), one('b', { oneOf: ['chainA', 'chainB'] })],
      [adds('a', 'chainA'), one('b', { reads: ['chainA', 'chainB'] })],
      [requires('chainA'), one('b', { needs: ['chainA'] })],
    ];
    for (const list of lists) expect(buildChain(list).list).to.deep.equal(list);
  });

  it('says what is missing, and how to mount', () => {
    expect(() => buildChain([one('b', { needs: ['chainA'] }), adds('a', 'chainA')])).to.throw(
      TypeError,
      "b is mounted too early: nothing before it adds 'chainA'; mount the middleware that does before it, or, only where an earlier mount does, start with requires('chainA')",
    );
    expect(() => buildChain([one('b', { oneOf: ['chainA', 'chainB'] })])).to.throw(
      TypeError,
      "b is mounted too early: nothing before it adds 'chainA' or 'chainB'; mount the middleware that does before it, or, only where an earlier mount does, start with requires('chainA') or requires('chainB')",
    );
    expect(() => buildChain([adds('a', 'chainA'), one('b', { needs: ['chainA', 'chainB'] })])).to.throw(
      /adds 'chainB'/,
    );
  });

  it('counts an optional slot for those who take one of several, and not for those who need it', () => {
    const may = one('a', { mayAdd: ['chainA'] });
    expect(() => buildChain([may, one('b', { oneOf: ['chainA', 'chainB'] })])).to.not.throw();
    expect(() => buildChain([may, one('b', { needs: ['chainA'] })])).to.throw(
      TypeError,
      "nothing before it adds 'chainA'",
    );
  });

  it('does not build what would prove a slot twice', () => {
    const text = "b would replace 'chainA', which is already proven";
    expect(() => buildChain([adds('a', 'chainA'), adds('b', 'chainA')])).to.throw(TypeError, text);
    expect(() => buildChain([adds('a', 'chainA'), one('b', { mayAdd: ['chainA'] })])).to.throw(TypeError, text);
    expect(() => buildChain([one('a', { mayAdd: ['chainA'] }), adds('b', 'chainA')])).to.throw(TypeError, text);
    expect(() => buildChain([requires('chainA'), adds('b', 'chainA')])).to.throw(TypeError, text);
    expect(() => buildChain([adds('b', 'chainA', 'chainA')])).to.throw(TypeError, text);
  });

  it('does not build what proves a slot after it was read', () => {
    const reads = one('r', { reads: ['chainA'] });
    const text = "a is mounted too late: r reads 'chainA', so mount a before it";
    expect(() => buildChain([reads, adds('a', 'chainA')])).to.throw(TypeError, text);
    expect(() => buildChain([one('r0'), reads, one('x'), one('a', { mayAdd: ['chainA'] })])).to.throw(TypeError, text);
    expect(() => buildChain([adds('a', 'chainA'), reads])).to.not.throw();
    expect(() => buildChain([reads, adds('b', 'chainB')])).to.not.throw();
  });

  it('names the argument that is no middleware, and what it may be', () => {
    const factory = (): AnyMiddleware => one('a');
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [factory, /^argument 2 is not a middleware; it is a function: call the factory first.*by itself, with app\.use$/],
      [[one('a')], /^argument 2 is not a middleware; it is an array: spread it/],
      [undefined, /^argument 2 is not a middleware; pass what a factory such as authenticate/],
      [null, /pass what a factory/],
      ['authenticate', /pass what a factory/],
      [{}, /pass what a factory/],
      [{ name: 'a', needs: [], adds: [] }, /pass what a factory/],
      [{ name: 'a', needs: [], run: factory }, /pass what a factory/],
      [{ name: 'a', adds: [], run: factory }, /pass what a factory/],
      [{ needs: [], adds: [], run: factory }, /pass what a factory/],
    ];
    for (const [value, text] of wrong) {
      expect(() => buildChain([one('first'), value as AnyMiddleware])).to.throw(TypeError, text);
    }
    expect(() => buildChain([undefined as never], 5)).to.throw(TypeError, 'argument 5 ');
  });

  it('does not take hooks that it does not know, or that are no functions', () => {
    const build = (hooks: object): unknown => buildChain([one('a', { hooks: hooks })]);
    expect(() => build({ onHead: () => undefined })).to.throw(
      TypeError,
      "a: unknown hook 'onHead'; did you mean 'head'?",
    );
    expect(() => build({ Settled: () => undefined })).to.throw(TypeError, "did you mean 'settled'?");
    expect(() => build({ head: 'x' })).to.throw(TypeError, "a: the hook 'head' must be a function");
    expect(() => build({ head: undefined, settled: () => undefined })).to.not.throw();
  });

  it('sorts hooks by kind, in mounting order', () => {
    const head = (): void => undefined;
    const chain = buildChain([
      one('a', { hooks: { head } }),
      one('b'),
      one('c', { hooks: { head, until: () => undefined } }),
    ]);
    expect(chain.hooks.head).to.deep.equal([
      { name: 'a', call: head },
      { name: 'c', call: head },
    ]);
    expect(chain.hooks.until.map(({ name }) => name)).to.deep.equal(['c']);
    expect(chain.hooks.message).to.deep.equal([]);
  });

  it('watches responses only for hooks that want a word in them', () => {
    const kinds: readonly (readonly [Hooks, boolean])[] = [
      [{}, false],
      [
        { decided: () => undefined, admitted: () => undefined, settled: () => undefined, authInfo: () => undefined },
        false,
      ],
      [{ headers: () => ({}) }, true],
      [{ head: () => undefined }, true],
      [{ message: (_ctx, message) => message }, true],
      [{ until: () => undefined }, true],
    ];
    for (const [hooks, watches] of kinds) expect(buildChain([one('a', { hooks })]).watches).to.equal(watches);
  });

  it('takes it that a hook has to see all messages, unless it says which', () => {
    const message: Hooks['message'] = (_ctx, given) => given;
    const seesNone = { message, seesMessages: () => false };
    const answersOf = (...hooks: readonly Hooks[]): readonly boolean[] =>
      buildChain(hooks.map((given, index) => one(`a${index}`, { hooks: given }))).hooks.seesMessages.map(({ call }) =>
        call(fakeContext()),
      );
    expect(answersOf({ message }, seesNone, {})).to.deep.equal([true, false]);
    expect(answersOf(seesNone)).to.deep.equal([false]);
  });

  it('refuses a hook that says which messages another one sees, without that one', () => {
    const build = (): unknown => buildChain([one('a', { hooks: { seesMessages: () => true } })]);
    expect(build).to.throw(TypeError, "a: the hook 'seesMessages' says nothing without a hook 'message'");
  });

  it('does not follow changes of the list it was given', () => {
    const list = [one('a')];
    const chain = buildChain(list);
    list.push(one('b'));
    expect(chain.list).to.have.length(1);
    expect(chain).to.be.frozen;
    expect(chain.list).to.be.frozen;
  });
});

describe('joinHooks', () => {
  it('puts those of the earlier mount first', () => {
    const hooks = (name: string): ReturnType<typeof joinHooks> =>
      buildChain([one(name, { hooks: { head: () => undefined } })]).hooks;
    const joined = joinHooks(joinHooks(NO_HOOKS, hooks('a')), hooks('b'));
    expect(joined.head.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    expect(joined.message).to.deep.equal([]);
  });
});

describe('requires', () => {
  it('passes on what was proven, and fails where it was not', () => {
    const state = { chainA: { a: 1 } };
    expect(requires('chainA').run(fakeContext({ state }))).to.deep.include(state);
    expect(() => requires('chainA', 'chainB').run(fakeContext({ state }))).to.throw(
      TypeError,
      "nothing mounted earlier proved 'chainB'",
    );
  });
});

describe('pick', () => {
  it('reads facts, and names the one that is missing', () => {
    expect(pick({ chainA: { a: 1 } }, ['chainA']).chainA.a).to.equal(1);
    expect(() => pick({}, ['chainA'])).to.throw(TypeError, "nothing mounted earlier proved 'chainA'");
  });
});

describe('assertOrdered', () => {
  it('is the same rule for lists that were not built', () => {
    expect(() => {
      assertOrdered([one('b', { needs: ['chainA'] })]);
    }).to.throw(TypeError, 'b is mounted too early');
  });
});
