import type { AuditSink } from '../../lib/audit/sink.js';
import type { AuditTrail } from '../../lib/audit/trail.js';
import type { KeyPurpose } from '../../lib/keys/keyRecord.js';
import type { Signer } from '../../lib/keys/signer.js';
import type { TrustedKeys } from '../../lib/keys/trust.js';
import type { SecurityLevel } from '../../lib/profile/levels.js';
import type { Stores } from '../../lib/stores/stores.js';
import type { AuditLogOptions } from '../auditLog.js';
import type { AuthenticateOptions } from '../authenticate.js';
import type { AuthorizeScopesOptions } from '../authorizeScopes.js';
import type { BindSessionOptions } from '../bindSession.js';
import type { CallStackGuardOptions } from '../callStackGuard.js';
import type { PublishToolsOptions } from '../publishTools.js';
import type { RateLimitOptions } from '../rateLimit.js';
import type { ValidateOriginOptions } from '../validateOrigin.js';
import type { SignatureMode, VerifySignatureOptions } from '../verifySignature.js';

/** What the profile gives to every check itself. */
export const SHARED = [
  'tools',
  'resource',
  'keys',
  'trust',
  'identity',
  'signer',
  'replay',
  'store',
  'calls',
  'now',
  'fetch',
] as const;
type Shared = (typeof SHARED)[number];
/** A check that a level may leave out: `true`, or how it is done, switches it on. */
type Extra<Options> = true | Omit<Options, Shared>;

/** What the checks of a profile need, each option given once. They are explained where the checks are. */
export interface SecurityProfileOptions
  extends
    Omit<ValidateOriginOptions, 'resource'>,
    Omit<AuthenticateOptions, 'scopes'>,
    Omit<AuthorizeScopesOptions, 'resource'> {
  readonly level: SecurityLevel;
  /**
   * Where the audit records go: what `openAuditTrail` returned, a winston `Logger` as it is, anything else with
   * `info(message, meta)`, or a function. From level `high` on it must be a trail.
   */
  readonly audit: AuditTrail | AuditSink;
  /** How records are written. */
  readonly auditing?: Omit<AuditLogOptions, 'sink' | 'trail' | 'now'>;
  /** The scopes that a 401 tells a client to ask for. Default: those of `base`, where scopes are permissions. */
  readonly challengeScopes?: readonly string[];
  /** The clients and agents whose signatures on requests count. Default: none but `toolServers`. */
  readonly keys?: readonly TrustedKeys[];
  /** The servers whose tools call tools here: they sign requests, and must bring a call chain. Default: none. */
  readonly toolServers?: readonly TrustedKeys[];
  /** Signs tool definitions and calls of other servers: what `openKeyStore` returned. Needed from level `enhanced` on. */
  readonly keyStore?: { readonly signer: (purpose: KeyPurpose) => Signer };
  /**
   * What several instances share: `redisStores(client)`, or `memoryStores({ singleProcess: true })`. Needed from level
   * `high` on. Default: the memory of this process.
   */
  readonly stores?: Stores;
  /** Which requests must be signed besides calls of tools that ask for it, or more about it. */
  readonly signatures?: SignatureMode | Omit<VerifySignatureOptions, Shared>;
  /** Sessions are bound to whoever opened them. */
  readonly sessions?: Extra<BindSessionOptions>;
  /** Callers stay within a rate; `tools` gives some tools a budget of their own. Default: 100 messages a minute. */
  readonly rate?: true | (Omit<RateLimitOptions, Shared> & Pick<RateLimitOptions, 'tools'>);
  /** Every tool in a call stack agreed to the call. Always where a tool says who may call it, or how deep. */
  readonly callChains?: Extra<CallStackGuardOptions>;
  /** Tool definitions are signed and do not change behind a version. */
  readonly definitions?: Extra<PublishToolsOptions>;
}
