import type { RequestContext, Slot, State } from './context.js';
import type { AnyMiddleware, Hooks, Middleware } from './middleware.js';
import { suggest } from './options.js';

/** Shown by the compiler in place of a middleware that is mounted too early. */
export interface MountedTooEarly<Missing extends Slot> {
  readonly missing: Missing;
  readonly fix: `mount a middleware that adds '${Missing}' before this one`;
}

type SlotsOf<Listed> = Listed extends readonly (infer Name extends Slot)[] ? Name : never;
type Needed<One extends AnyMiddleware, Sure extends Slot> = Exclude<SlotsOf<One['needs']>, Sure>;
type Unmet<One extends AnyMiddleware, Have extends Slot> = [SlotsOf<One['oneOf']>] extends [never]
  ? never
  : [SlotsOf<One['oneOf']> & Have] extends [never]
    ? SlotsOf<One['oneOf']>
    : never;
type Missing<One extends AnyMiddleware, Sure extends Slot, Maybe extends Slot> =
  Needed<One, Sure> | Unmet<One, Sure | Maybe>;

/** One whose slots the compiler does not know is checked when the chain is built. */
type IsOpaque<One extends AnyMiddleware> = [Slot] extends [SlotsOf<One['needs']>] ? true : false;
type Placed<One extends AnyMiddleware, Sure extends Slot, Maybe extends Slot> =
  IsOpaque<One> extends true
    ? One
    : [Missing<One, Sure, Maybe>] extends [never]
      ? One
      : MountedTooEarly<Missing<One, Sure, Maybe>>;

/** Checks a list from left to right: what a middleware needs must be added by an earlier one. */
export type Ordered<
  List extends readonly AnyMiddleware[],
  Sure extends Slot = never,
  Maybe extends Slot = never,
> = number extends List['length']
  ? List
  : List extends readonly [infer One extends AnyMiddleware, ...infer Rest extends readonly AnyMiddleware[]]
    ? [Placed<One, Sure, Maybe>, ...Ordered<Rest, Sure | SlotsOf<One['adds']>, Maybe | SlotsOf<One['mayAdd']>>]
    : [];

type Named<Kind extends keyof Hooks> = readonly { readonly name: string; readonly call: NonNullable<Hooks[Kind]> }[];

/** Every hook of a chain, sorted by kind once, when the chain is built. */
export type HooksByKind = { readonly [Kind in keyof Hooks]-?: Named<Kind> };

/** A list of middlewares, checked and prepared. */
export interface Chain {
  readonly list: readonly AnyMiddleware[];
  readonly hooks: HooksByKind;
  /** The slots that are used when present, and who uses them. */
  readonly reads: ReadonlyMap<Slot, string>;
  /** Whether a hook has to see the response. */
  readonly watches: boolean;
}

const KINDS = Object.keys({
  decided: true,
  claim: true,
  admitted: true,
  refused: true,
  called: true,
  headers: true,
  head: true,
  message: true,
  seesMessages: true,
  until: true,
  settled: true,
  authInfo: true,
  withheld: true,
} satisfies Record<keyof Hooks, true>) as readonly (keyof Hooks)[];

/** No hooks at all. */
export const NO_HOOKS: HooksByKind = sortHooks(() => []);

/**
 * Prepares a list for mounting. `first` is the place of its first entry among the arguments.
 * @throws {TypeError} when the order is wrong, a slot would be proven twice, or an entry is not a middleware
 */
export function buildChain(list: readonly AnyMiddleware[], first = 1): Chain {
  list.forEach((one, index) => {
    assertMiddleware(one, index + first);
  });
  assertOrdered(list);
  const hooks = sortHooks((kind) =>
    list.flatMap(({ name, hooks = {} }) => {
      const { [kind]: call = kind === 'seesMessages' && hooks.message !== undefined ? always : undefined } = hooks;
      return call === undefined ? [] : [{ name, call }];
    }),
  );
  return Object.freeze({
    list: Object.freeze([...list]),
    hooks,
    reads: new Map(list.flatMap(({ name, reads = [] }) => reads.map((slot) => [slot, name]))),
    watches: [hooks.headers, hooks.head, hooks.message, hooks.until].some(({ length }) => length > 0),
  });
}

const always = (): boolean => true;

/** The hooks of two mounts of one request. */
export function joinHooks(earlier: HooksByKind, later: HooksByKind): HooksByKind {
  return sortHooks((kind) => [...earlier[kind], ...later[kind]]);
}

function sortHooks(hooksOf: (kind: keyof Hooks) => readonly object[]): HooksByKind {
  return Object.fromEntries(KINDS.map((kind) => [kind, hooksOf(kind)])) as unknown as HooksByKind;
}

function assertMiddleware(value: unknown, place: number): void {
  if (!isMiddleware(value)) throw new TypeError(`argument ${place} is not a middleware; ${hintFor(value)}`);
  for (const [kind, hook] of Object.entries(value.hooks ?? {})) {
    if (!KINDS.includes(kind as keyof Hooks)) {
      throw new TypeError(`${value.name}: unknown hook '${kind}'${suggest(kind, KINDS)}`);
    }
    if (hook !== undefined && typeof hook !== 'function') {
      throw new TypeError(`${value.name}: the hook '${kind}' must be a function`);
    }
  }
  if (value.hooks?.seesMessages !== undefined && value.hooks.message === undefined) {
    throw new TypeError(`${value.name}: the hook 'seesMessages' says nothing without a hook 'message'`);
  }
}

function isMiddleware(value: unknown): value is AnyMiddleware {
  if (typeof value !== 'object' || value === null) return false;
  const { name, needs, adds, run } = value as Partial<AnyMiddleware>;
  return typeof name === 'string' && Array.isArray(needs) && Array.isArray(adds) && typeof run === 'function';
}

function hintFor(value: unknown): string {
  if (typeof value === 'function') {
    const mount = 'a middleware of the framework is mounted by itself, with app.use';
    return `it is a function: call the factory first, as in authenticate({ ... }); ${mount}`;
  }
  if (Array.isArray(value)) return 'it is an array: spread it, as in ...securityProfile({ ... })';
  return 'pass what a factory such as authenticate({ ... }) returns; options come first';
}

/**
 * The order rules, for callers the compiler did not check.
 * @throws {TypeError} when the order is wrong or a slot would be proven twice
 */
export function assertOrdered(list: readonly AnyMiddleware[]): void {
  const sure = new Set<Slot>();
  const have = new Set<Slot>();
  const read = new Map<Slot, string>();
  for (const one of list) {
    assertNeeds(one, sure, have);
    for (const slot of one.reads ?? []) if (!read.has(slot)) read.set(slot, one.name);
    for (const slot of [...one.adds, ...(one.mayAdd ?? [])]) {
      assertInTime(one.name, slot, have, read);
      have.add(slot);
    }
    for (const slot of one.adds) sure.add(slot);
  }
}

function assertInTime(name: string, slot: Slot, have: ReadonlySet<Slot>, read: ReadonlyMap<Slot, string>): void {
  if (have.has(slot)) throw new TypeError(`${name} would replace '${slot}', which is already proven`);
  const reader = read.get(slot);
  if (reader === undefined) return;
  throw new TypeError(`${name} is mounted too late: ${reader} reads '${slot}', so mount ${name} before it`);
}

/** What is proven on some requests only is enough for those that take one of several, and look which. */
function assertNeeds(one: AnyMiddleware, sure: ReadonlySet<Slot>, have: ReadonlySet<Slot>): void {
  const missing = one.needs.find((slot) => !sure.has(slot));
  if (missing !== undefined) throw tooEarly(one.name, [missing]);
  const { oneOf = [] } = one;
  if (oneOf.length > 0 && !oneOf.some((slot) => have.has(slot))) throw tooEarly(one.name, oneOf);
}

/** Which of this package's middlewares proves a fact. */
const MAKERS: ReadonlyMap<string, string> = new Map([
  ['auth', 'authenticate'],
  ['access', 'authorizeScopes'],
  ['signature', 'verifySignature'],
  ['callStack', 'callStackGuard'],
]);

function tooEarly(name: string, slots: readonly Slot[]): TypeError {
  const makers = slots.flatMap((slot) => MAKERS.get(slot) ?? []);
  const fix = `mount ${makers.length > 0 ? makers.join(' or ') : 'the middleware that does'} before it`;
  const split = `only where an earlier mount does, start with requires('${slots.join("') or requires('")}')`;
  return new TypeError(
    `${name} is mounted too early: nothing before it adds '${slots.join("' or '")}'; ${fix}, or, ${split}`,
  );
}

/** States that an earlier mount proves these slots. Checked again on every request. */
export function requires<Needed extends Slot>(...slots: readonly Needed[]): Middleware<never, Needed> {
  return {
    name: 'requires',
    needs: [],
    adds: slots,
    run: (ctx: RequestContext) => pick(ctx.state, slots),
  };
}

/**
 * Reads proven facts.
 * @throws {TypeError} when one was not proven
 */
export function pick<Wanted extends Slot>(
  state: Partial<State>,
  slots: readonly Wanted[],
): Partial<State> & Pick<State, Wanted> {
  const missing = slots.find((slot) => state[slot] === undefined);
  if (missing !== undefined) throw new TypeError(`nothing mounted earlier proved '${missing}'`);
  return state as Partial<State> & Pick<State, Wanted>;
}
