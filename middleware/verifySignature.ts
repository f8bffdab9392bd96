import type { RequestContext } from '../lib/context.js';
import { Denial } from '../lib/denial.js';
import { openTrust, type TrustedKeys } from '../lib/keys/trust.js';
import type { AuthInfo, Middleware } from '../lib/middleware.js';
import { callback, integer, oneOf, optional, readOptions, type Check } from '../lib/options.js';
import { SignatureError, type SignatureReason } from '../lib/signatures/error.js';
import { acceptSignature, TAG } from '../lib/signatures/profile.js';
import { findSignatures, type FoundSignature } from '../lib/signatures/received.js';
import type { Signature } from '../lib/signatures/signature.js';
import { signatureVerifier, SignatureFault, type VerifiedSignature } from '../lib/signatures/verifier.js';
import { memoryReplay, type ReplayStore } from '../lib/stores/replay.js';
import { replayStore } from '../lib/stores/storeCheck.js';
import { definedTools, type Tools } from '../lib/tools/defineTools.js';
import { secureUrl } from '../lib/url.js';
import type {} from './authenticate.js';

/** What would have been denied, had it been enforced. */
export interface Observed {
  readonly middleware: string;
  readonly code: string;
}

declare module '../lib/context.js' {
  interface State {
    signature: Signature;
    observed: Observed;
  }
}

declare module '../lib/denial.js' {
  interface DenialCodes {
    signature_malformed: 400;
    signature_target: 400;
    signature_required: 401 | 403;
    signature_invalid: 401 | 403;
  }
}

/**
 * Which requests must be signed. `off`: calls of tools with `requireSignature`. `observe`: the same, and what `calls`
 * would deny is recorded. `calls`: every `tools/call`. `all`: every HTTP request.
 */
export type SignatureMode = 'off' | 'observe' | 'calls' | 'all';

export interface VerifySignatureOptions {
  /** The peers whose signatures count, and how their keys are known. */
  readonly keys: readonly TrustedKeys[];
  /** The public URL of the MCP endpoint. Its origin and path are what a signer must have signed for. */
  readonly resource: string;
  /** What `defineTools` returned: tools with `requireSignature` are never called unsigned, whatever the mode. */
  readonly tools?: Tools;
  /** Default: `calls`. */
  readonly mode?: SignatureMode;
  /** Where used nonces are kept. Default: the memory of this process; several instances need a shared one. */
  readonly replay?: ReplayStore;
  /** The longest lifetime of a signature, in seconds up to 300. Default: 300. */
  readonly maxAge?: number;
  /** How far ahead a signer's clock may be, in seconds up to 60. Default: 30. */
  readonly clockTolerance?: number;
  /** The path at which requests arrive, where a proxy rewrites that of `resource`. Default: the path of `resource`. */
  readonly path?: string;
  /** The clock. Default: the system's. */
  readonly now?: () => Date;
  /** How key sets of peers are fetched. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
}

const MALFORMED: ReadonlySet<SignatureReason> = new Set([
  'malformed',
  'too_many',
  'component_invalid',
  'component_duplicate',
  'parameter_invalid',
]);

const path: Check = (value) =>
  typeof value === 'string' && /^\/[^?#\s]*$/.test(value) ? undefined : `must be a path such as '/mcp'`;

/**
 * Proves that this very request, body included, was signed by a trusted key, now, and once (RFC 9421, RFC 9530).
 *
 * May add `signature`. A signature that is there and not valid is always denied. The signer must be the client that
 * `authenticate` proved, where it proved one. What is unsigned is denied where the mode or the tool asks for more.
 *
 * @throws {Denial} 400 `signature_malformed` or `signature_target`; `signature_required` or `signature_invalid`, 401
 *   where no token is proven and 403 where one is: clients answer a 401 by spending their refresh token; and what
 *   reading the body throws
 * @throws {Unavailable} when keys of a peer or the replay store are out of reach
 * @throws {TypeError} when an option is not what it must be
 */
export function verifySignature(
  options: VerifySignatureOptions,
): Middleware<never, never, never, 'signature' | 'observed'> {
  const given = readOptions<VerifySignatureOptions>('verifySignature', options, {
    keys: () => undefined,
    resource: secureUrl,
    tools: optional(definedTools),
    mode: optional(oneOf('off', 'observe', 'calls', 'all')),
    replay: optional(replayStore),
    maxAge: optional(integer(1, 300)),
    clockTolerance: optional(integer(0, 60)),
    path: optional(path),
    now: optional(callback),
    fetch: optional(callback),
  });
  const { resource, tools, mode = 'calls', maxAge = 300, clockTolerance = 30, now = () => new Date() } = given;
  const verify = signatureVerifier({
    trust: openTrust('verifySignature', given.keys, {
      option: 'keys',
      purpose: 'request',
      fetch: given.fetch ?? fetch,
      now,
    }),
    replay: given.replay ?? memoryReplay({ now }),
    resource,
    path: given.path ?? new URL(resource).pathname,
    maxAge,
    clockTolerance,
    now,
  });
  const strict = [...(tools ?? [])].some(([, policy]) => policy.requireSignature === true);

  const unsigned = async (ctx: RequestContext): Promise<{ observed?: Observed }> => {
    if (mode === 'all') throw deny(ctx, 'signature_required', 'missing');
    if (mode === 'off' && !strict) return {};
    const names = (await ctx.request.rpc()).flatMap((one) =>
      one.kind !== 'response' && one.target.kind === 'tool' ? [one.target.name] : [],
    );
    const asked = names.some((name) => tools?.get(name)?.requireSignature === true);
    if (asked || (mode === 'calls' && names.length > 0)) throw deny(ctx, 'signature_required', 'missing');
    if (mode === 'observe' && names.length > 0) {
      return { observed: { middleware: 'verifySignature', code: 'signature_required' } };
    }
    return {};
  };

  const signed = async (
    ctx: RequestContext,
    candidates: readonly FoundSignature[],
  ): Promise<{ signature: Signature }> => {
    try {
      return { signature: toSignature(await verify(ctx, candidates, ctx.state.auth?.clientId)) };
    } catch (error) {
      if (error instanceof SignatureFault || error instanceof SignatureError) throw denialOf(ctx, error);
      throw error;
    }
  };

  return {
    name: 'verifySignature',
    needs: [],
    reads: ['auth'],
    adds: [],
    mayAdd: ['signature', 'observed'],
    run(ctx) {
      const candidates = candidatesOf(ctx);
      return candidates.length === 0 ? unsigned(ctx) : signed(ctx, candidates);
    },
    hooks: { authInfo: ({ state: { signature } }) => signature && toAuthInfo(signature) },
  };
}

/** The tag narrows, and nothing else: labels carry no meaning, and signatures for others are theirs to check. */
function candidatesOf(ctx: RequestContext): readonly FoundSignature[] {
  try {
    return findSignatures(ctx.request.headers).filter(({ tag }) => tag === TAG);
  } catch (error) {
    if (error instanceof SignatureError) throw denialOf(ctx, error);
    throw error;
  }
}

function denialOf(ctx: RequestContext, fault: SignatureFault | SignatureError): Denial {
  const { reason } = fault;
  const headers = { 'Accept-Signature': acceptSignature(ctx.request.method, ctx.request.headers) };
  if (reason === 'target_mismatch' || reason === 'target_invalid') {
    const text = 'The request target is not that of the resource';
    return new Denial(400, 'signature_target', text, { headers, detail: { reason } });
  }
  if (fault instanceof SignatureError && MALFORMED.has(fault.reason)) {
    return new Denial(400, 'signature_malformed', 'The signature is malformed', { headers, detail: { reason } });
  }
  return deny(ctx, 'signature_invalid', reason);
}

/** One sentence for all reasons: whoever probes learns nothing from the answer. The record has the reason. */
function deny(ctx: RequestContext, code: 'signature_required' | 'signature_invalid', reason: string): Denial {
  const { method, headers } = ctx.request;
  const text = code === 'signature_required' ? 'A signature is required' : 'The signature is not valid';
  const accept = { 'Accept-Signature': acceptSignature(method, headers) };
  if (ctx.state.auth !== undefined) return new Denial(403, code, text, { headers: accept, detail: { reason } });
  const challenged = { ...accept, 'WWW-Authenticate': `Signature tag="${TAG}"` };
  return new Denial(401, code, text, { headers: challenged, detail: { reason } });
}

function toSignature({ trusted, signature, created, expires, nonce }: VerifiedSignature): Signature {
  const { key, owner, clientId, mayRoot } = trusted;
  const components = Object.freeze([...signature.coverage.names]);
  return { keyId: key.keyId, algorithm: key.algorithm, owner, clientId, mayRoot, created, expires, nonce, components };
}

/** What SDK handlers see of a caller who is known by signature alone. */
function toAuthInfo({ clientId, owner, keyId }: Signature): AuthInfo {
  return { token: '', clientId, scopes: [], extra: { owner, keyId } };
}
