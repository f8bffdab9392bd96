import { expect } from 'chai';
import type { AnyMiddleware } from '../../lib/middleware.js';
import { prepareMount } from '../../lib/mount.js';

const one: AnyMiddleware = { name: 'one', needs: [], adds: [], run: () => ({}) };
const prepare = (...args: readonly unknown[]): ReturnType<typeof prepareMount> =>
  prepareMount('toExpress', args as never);

describe('prepareMount', () => {
  it('takes options before the middlewares, or none', () => {
    expect(prepare(one).chain.list).to.deep.equal([one]);
    const { chain, options } = prepare({ bodyLimit: 7 }, one, one);
    expect(chain.list).to.deep.equal([one, one]);
    expect(options).to.deep.equal({ bodyLimit: 7 }).and.to.be.frozen;
  });

  it('names an option that it does not know, and one that is wrong', () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ bodylimit: 7 }, "toExpress: unknown option 'bodylimit'; did you mean 'bodyLimit'?"],
      [{ policyDenial: 'rpc' }, "; did you mean 'policyDenials'?"],
      [{ policyDenials: 'json' }, "toExpress: 'policyDenials' must be one of 'http', 'rpc'"],
      [{ bodyLimit: 0 }, "toExpress: 'bodyLimit' must be a whole number from 1"],
      [{ bodyLimit: '4mb' }, "toExpress: 'bodyLimit' must be a whole number from 1"],
      [{ newId: 'x' }, "toExpress: 'newId' must be a function"],
      [{ now: new Date() }, "toExpress: 'now' must be a function"],
      [{ onError: true }, "toExpress: 'onError' must be a function"],
      [{ paths: [], handle: () => undefined }, 'toExpress: serve an endpoint with serveExpress(...)'],
      [{ level: 'basic' }, 'toExpress: wrap the profile, as in ...securityProfile({ ... })'],
    ];
    for (const [options, message] of wrong) expect(() => prepare(options, one)).to.throw(TypeError, message);
  });

  it('takes no mount that checks nothing', () => {
    for (const args of [[], [{ bodyLimit: 7 }], [{}]]) {
      expect(() => prepare(...args)).to.throw(TypeError, 'toExpress: pass at least one middleware');
    }
  });

  it('counts arguments as the caller wrote them', () => {
    expect(() => prepare(one, { bodyLimit: 7 })).to.throw(TypeError, 'argument 2 is not a middleware');
    expect(() => prepare({ bodyLimit: 7 }, one, undefined)).to.throw(TypeError, 'argument 3 is not a middleware');
    expect(() => prepare([one])).to.throw(TypeError, 'argument 1 is not a middleware; it is an array: spread it');
    expect(() => prepare(() => one)).to.throw(TypeError, 'argument 1 is not a middleware; it is a function');
    for (const nothing of [undefined, null, 'x', 7])
      expect(() => prepare(nothing)).to.throw(TypeError, 'argument 1 is not');
  });
});
