import type { AuditSink } from '../lib/audit/sink.js';
import type { Middleware } from '../lib/middleware.js';
import { oneOf, readOptions, type Check, type Checks } from '../lib/options.js';
import { isTools } from '../lib/tools/defineTools.js';
import { auditLog, type AuditLogOptions } from './auditLog.js';
import { authenticate, type AuthenticateOptions } from './authenticate.js';
import { authorizeScopes, type AuthorizeScopesOptions } from './authorizeScopes.js';
import { validateOrigin, type ValidateOriginOptions } from './validateOrigin.js';
import { verifySignature, type VerifySignatureOptions } from './verifySignature.js';

/**
 * How much is checked. `basic`: web pages, access tokens, signatures where a tool asks for one, permissions, and a
 * record of every request.
 */
export type SecurityLevel = 'basic';

/** What the checks of a profile need, each option given once. They are explained where the checks are. */
export interface SecurityProfileOptions
  extends
    Omit<ValidateOriginOptions, 'resource'>,
    Omit<AuthenticateOptions, 'scopes'>,
    Omit<AuthorizeScopesOptions, 'resource'> {
  readonly level: SecurityLevel;
  /** Where the audit records go: a winston `Logger` as it is, anything else with `info(message, meta)`, or a function. */
  readonly audit: AuditSink;
  /** Sees an audit record that could not be written. Default: one escaped line on standard error. */
  readonly onAuditError?: NonNullable<AuditLogOptions['onError']>;
  /** The scopes that a 401 tells a client to ask for. Default: those of `base`, where scopes are permissions. */
  readonly challengeScopes?: readonly string[];
  /** The peers whose signatures count. Needed by tools with `requireSignature`. Default: none. */
  readonly keys?: VerifySignatureOptions['keys'];
  /** Where used nonces and proofs are kept. Default: the memory of this process; several instances need a shared one. */
  readonly replay?: NonNullable<VerifySignatureOptions['replay']>;
}

/** The checks of a level, in their order: spread it into `toExpress` or `toKoa`. */
export type SecurityProfile = readonly [
  Middleware,
  Middleware,
  Middleware<never, 'auth'>,
  ...Middleware<never, never, never, 'signature' | 'observed'>[],
  Middleware<never, 'access', 'auth' | 'signature'>,
];

/** The checks look at their own options; the names are known here, so that a slip of the pen is told from all of them. */
const elsewhere: Check = () => undefined;
const CHECKS: Checks<SecurityProfileOptions> = {
  level: oneOf('basic'),
  audit: elsewhere,
  onAuditError: elsewhere,
  challengeScopes: elsewhere,
  keys: elsewhere,
  replay: elsewhere,
  allowedOrigins: elsewhere,
  allowedHosts: elsewhere,
  issuers: elsewhere,
  resource: elsewhere,
  audience: elsewhere,
  clockTolerance: elsewhere,
  dpop: elsewhere,
  requireBinding: elsewhere,
  mtls: elsewhere,
  revoked: elsewhere,
  exposeToken: elsewhere,
  cache: elsewhere,
  keySets: elsewhere,
  now: elsewhere,
  fetch: elsewhere,
  tools: elsewhere,
  prompts: elsewhere,
  resources: elsewhere,
  methods: elsewhere,
  base: elsewhere,
  scopes: elsewhere,
  implies: elsewhere,
  roles: elsewhere,
  clients: elsewhere,
  scopeWildcards: elsewhere,
  fullAccess: elsewhere,
  decide: elsewhere,
};

/**
 * The checks of a security level, ready to mount: `toExpress(...securityProfile({ level: 'basic', ... }))`.
 *
 * @throws {TypeError} for an unknown level, and for whatever the checks say about their options
 */
export function securityProfile(options: SecurityProfileOptions): SecurityProfile {
  const given = readOptions<SecurityProfileOptions>('securityProfile', options, CHECKS);
  const {
    level: _level,
    audit,
    onAuditError,
    challengeScopes,
    allowedOrigins,
    allowedHosts,
    keys,
    replay,
    ...rest
  } = given;
  const {
    issuers,
    resource,
    audience,
    clockTolerance,
    dpop,
    requireBinding,
    mtls,
    revoked,
    exposeToken,
    cache,
    keySets,
    now,
    fetch,
    ...rules
  } = rest;
  const scopes = challengeScopes ?? (rules.scopes === undefined ? rules.base : undefined);
  const { tools } = rules;
  const signatures = defined({ keys, resource, tools, mode: 'off', replay, now, fetch } as const);
  return [
    auditLog(defined({ sink: audit, onError: onAuditError, now })),
    validateOrigin(defined({ resource, allowedOrigins, allowedHosts })),
    authenticate(
      defined({
        issuers,
        resource,
        audience,
        scopes,
        clockTolerance,
        dpop: replay === undefined ? dpop : { replay, ...dpop },
        requireBinding,
        mtls,
        revoked,
        exposeToken,
        cache,
        keySets,
        now,
        fetch,
      }),
    ),
    ...(isSigned(signatures) ? [verifySignature(signatures)] : []),
    authorizeScopes(defined({ ...rules, now })),
  ];
}

/** @throws {TypeError} when a tool must be signed and nobody could sign for it */
function isSigned<Options extends Partial<VerifySignatureOptions>>(
  options: Options,
): options is Options & VerifySignatureOptions {
  if (options.keys !== undefined) return true;
  const tools = isTools(options.tools) ? [...options.tools] : [];
  const [signed] = tools.find(([, { requireSignature }]) => requireSignature === true) ?? [];
  if (signed === undefined) return false;
  throw new TypeError(`securityProfile: the tool '${signed}' requires a signature; list who may sign in 'keys'`);
}

type Defined<Options> = { [Name in keyof Options]: Exclude<Options[Name], undefined> };

/** Leaves out what was not given, so that each check applies its own default. */
function defined<Options extends object>(options: Options): Defined<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<Options>;
}
