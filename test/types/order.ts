// Compiled, never run: what must and what must not compile when middlewares are mounted.
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import { requires } from '../../lib/chain.js';
import type { RequestContext } from '../../lib/context.js';
import type { AnyMiddleware, Middleware, Proven } from '../../lib/middleware.js';

declare module '../../lib/context.js' {
  interface State {
    typeA: { readonly a: number };
    typeB: { readonly b: number };
    typeC: { readonly c: number };
  }
}

declare const plain: Middleware;
declare const addsA: Middleware<never, 'typeA'>;
declare const addsB: Middleware<never, 'typeB'>;
declare const needsA: Middleware<'typeA'>;
declare const needsAaddsB: Middleware<'typeA', 'typeB'>;
declare const needsB: Middleware<'typeB'>;
declare const oneOfAB: Middleware<never, never, 'typeA' | 'typeB'>;
declare const mayAddA: Middleware<never, never, never, 'typeA'>;
declare const anything: AnyMiddleware;
declare const list: readonly AnyMiddleware[];

// What is added earlier may be needed later, with anything in between.
toExpress(plain);
toExpress(addsA, needsA);
toKoa(plain, addsA, plain, needsAaddsB, needsB, needsA);
toExpress({ bodyLimit: 100 }, addsA, needsA);
toKoa({ policyDenials: 'rpc' }, plain);

// @ts-expect-error nothing adds typeA
toExpress(needsA);
// @ts-expect-error the order is wrong
toKoa(needsA, addsA);
// @ts-expect-error the need of the second is met, that of the third is not
toExpress(addsA, needsA, needsB);
// @ts-expect-error options do not change the order
toKoa({ bodyLimit: 100 }, needsA, addsA);
// @ts-expect-error another slot is no help
toExpress(addsB, needsA);

// One of several is enough, and none is not.
toExpress(addsA, oneOfAB);
toExpress(addsB, oneOfAB);
toKoa(mayAddA, oneOfAB);
// @ts-expect-error neither is proven
toExpress(oneOfAB);
// @ts-expect-error both come too late
toKoa(oneOfAB, addsA, addsB);

// What is proven on some requests only meets no need.
// @ts-expect-error typeA is not proven on every request
toExpress(mayAddA, needsA);

// An earlier mount is named, and only slots can be.
toExpress(requires('typeA'), needsA);
toKoa(requires('typeA', 'typeB'), needsA, needsB, oneOfAB);
// @ts-expect-error typeB is not required
toExpress(requires('typeA'), needsB);
// @ts-expect-error no such slot
toExpress(requires('typeZ'), plain);

// A list that the compiler cannot see into is checked when it is built.
toExpress(...list);
toKoa({ bodyLimit: 1 }, ...list);
toExpress(anything, needsA);
toKoa(plain, anything);

// @ts-expect-error no such option
toExpress({ bodylimit: 100 }, plain);
// @ts-expect-error no such value
toKoa({ policyDenials: 'json' }, plain);
// @ts-expect-error a function is no middleware
toExpress(() => plain);
// @ts-expect-error an array is spread
toKoa([plain]);

// A middleware reads what it needs, and nothing else for sure.
export const reads: Middleware<'typeA', 'typeB', 'typeC'> = {
  name: 'reads',
  needs: ['typeA'],
  oneOf: ['typeC'],
  adds: ['typeB'],
  run: ({ state }) => ({ typeB: { b: state.typeA.a + (state.typeC?.c ?? 0) } }),
};

export const careless: Middleware = {
  name: 'careless',
  needs: [],
  adds: [],
  // @ts-expect-error typeA may be missing
  run: ({ state }) => ({ a: state.typeA.a }),
};

export const idle: Middleware<never, 'typeB'> = {
  name: 'idle',
  needs: [],
  adds: ['typeB'],
  // @ts-expect-error typeB is declared and not proven
  run: () => ({}),
};

export const optional: Proven<'typeA', 'typeB'>[] = [{ typeA: { a: 1 } }, { typeA: { a: 1 }, typeB: { b: 1 } }];
// @ts-expect-error typeA is not optional
export const missing: Proven<'typeA', 'typeB'> = { typeB: { b: 1 } };

/** Nothing about a request can be written. */
export function writes(ctx: RequestContext<'typeA'>): void {
  // @ts-expect-error facts are read-only
  ctx.state.typeA = { a: 2 };
  // @ts-expect-error so are their members
  ctx.state.typeA.a = 2;
  // @ts-expect-error and the headers
  ctx.request.headers['x'] = ['y'];
  // @ts-expect-error and the verdicts
  ctx.decisions[0] = { middleware: 'x', effect: 'allow', ms: 0 };
}
