/**
 * How much is checked. `basic`: web pages, access tokens, signatures where a tool asks for one, permissions, and a record
 * of every request. `enhanced` adds session binding, rate limits, call chains and signed tool definitions. `high` asks
 * for signed calls, shared stores and an audit trail without which nothing is served. `strict` asks for a signature on
 * every request and tokens that are bound to a key, and writes the record of a request ahead of it.
 */
export type SecurityLevel = 'basic' | 'enhanced' | 'high' | 'strict';

/** What a level is made of. Each member can be raised, none lowered. */
export interface Measures {
  readonly sessions: boolean;
  readonly rate: boolean;
  /** Whether requests are denied while they cannot be counted. */
  readonly rateOrDeny: boolean;
  readonly callChains: boolean;
  readonly definitions: boolean;
  /** Which requests must be signed, besides the calls of tools that ask for it. */
  readonly signatures: 'off' | 'observe' | 'calls' | 'all';
  /** Whether a token must be bound to a key or certificate. */
  readonly binding: boolean;
  /** Whether requests are denied while they cannot be recorded. */
  readonly auditOrDeny: boolean;
  /** Whether the record of a request is on the disk before a handler sees it. */
  readonly auditAhead: boolean;
  /** How much is recorded. */
  readonly events: 'denials' | 'requests' | 'all';
  /** Whether it must be said where shared state is kept. */
  readonly stores: boolean;
}

const BASIC: Measures = {
  sessions: false,
  rate: false,
  rateOrDeny: false,
  callChains: false,
  definitions: false,
  signatures: 'off',
  binding: false,
  auditOrDeny: false,
  auditAhead: false,
  events: 'requests',
  stores: false,
};
const ENHANCED: Measures = {
  ...BASIC,
  sessions: true,
  rate: true,
  rateOrDeny: true,
  callChains: true,
  definitions: true,
};
const HIGH: Measures = { ...ENHANCED, signatures: 'calls', auditOrDeny: true, stores: true };
const STRICT: Measures = { ...HIGH, signatures: 'all', binding: true, auditAhead: true };

const LEVELS: Readonly<Record<SecurityLevel, Measures>> = {
  basic: BASIC,
  enhanced: ENHANCED,
  high: HIGH,
  strict: STRICT,
};
/** The options by which measures are asked for. */
const OPTIONS: Readonly<Record<keyof Measures, string>> = {
  sessions: 'sessions',
  rate: 'rate',
  rateOrDeny: 'rate.onFailure',
  callChains: 'callChains',
  definitions: 'definitions',
  signatures: 'signatures',
  binding: 'requireBinding',
  auditOrDeny: 'auditing.onFailure',
  auditAhead: 'auditing.writeAhead',
  events: 'auditing.level',
  stores: 'stores',
};
/** From less to more. */
const SCALES: readonly (readonly unknown[])[] = [
  [false, true],
  ['off', 'observe', 'calls', 'all'],
  ['denials', 'requests', 'all'],
];

/** The names of the levels, from the lowest to the highest. */
export const SECURITY_LEVELS: readonly SecurityLevel[] = ['basic', 'enhanced', 'high', 'strict'];

/**
 * The measures of a level, and those that are asked for on top.
 * @throws {TypeError} when something is asked for that is less than the level has
 */
export function measuresOf(level: SecurityLevel, asked: Partial<Measures>): Measures {
  const base = LEVELS[level];
  for (const [name, value] of Object.entries(asked) as [keyof Measures, unknown][]) {
    const scale = SCALES.find((one) => one.includes(base[name])) ?? [];
    // From plain JavaScript anything may come, such as an empty environment variable.
    if (!scale.includes(value)) {
      throw new TypeError(`securityProfile: '${OPTIONS[name]}' must be one of ${scale.map(quoted).join(', ')}`);
    }
    if (scale.indexOf(value) < scale.indexOf(base[name])) {
      throw new TypeError(
        `securityProfile: '${OPTIONS[name]}' would be less than level '${level}' has; leave it out, or choose a lower level`,
      );
    }
  }
  return { ...base, ...asked };
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
