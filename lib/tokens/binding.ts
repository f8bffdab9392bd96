import type { RequestContext } from '../context.js';
import { isObject } from '../rpc.js';
import type { Presented } from './credentials.js';
import { TokenFault } from './fault.js';
import { member } from './jwt.js';

/** A key or certificate that a token is bound to: whoever presents the token must prove to hold it. */
export interface Binding {
  readonly method: 'dpop' | 'mtls';
  /** The SHA-256 thumbprint of the key (RFC 7638) or of the certificate (RFC 8705 section 3.1), base64url. */
  readonly thumbprint: string;
}

/** A token that was verified, on a request that must prove to hold what it is bound to. */
export interface Claimed extends Presented {
  readonly ctx: RequestContext;
  readonly bindings: readonly Binding[];
}

/** How one kind of binding is proven. */
export interface PossessionProof {
  readonly method: Binding['method'];
  /**
   * Proves that this very request comes from the holder of a thumbprint.
   * @throws {TokenFault | Denial} when it does not prove that
   * @throws {Unavailable} when that cannot be known
   */
  readonly prove: (claimed: Claimed, thumbprint: string) => void | Promise<void>;
}

/**
 * The members of `cnf` that are understood (RFC 8705 section 3.1, RFC 9449 section 6.1), in the order in which they are
 * proven: a proof that can be used once is spent last.
 */
const METHODS: ReadonlyMap<string, Binding['method']> = new Map([
  ['x5t#S256', 'mtls'],
  ['jkt', 'dpop'],
]);
/** Members that bind to nothing. Keycloak says beside `jkt` what kind of key that is. */
const REMARKS: ReadonlySet<string> = new Set(['kc-jkt-type']);
/** 32 bytes in their only spelling (RFC 4648 section 3.5): stricter than for the id of a key, which is only looked up. */
const THUMBPRINT = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const NONE: readonly Binding[] = Object.freeze([]);

/**
 * Reads what a token is bound to from its `cnf` claim (RFC 7800 section 3.1), nothing when it has none.
 * @throws {TokenFault} `bound` when it is bound in a way that is not understood, and so could not be proven here
 */
export function readBindings(cnf: unknown): readonly Binding[] {
  if (cnf === undefined) return NONE;
  if (!isObject(cnf)) throw new TokenFault('bound');
  const names = Object.keys(cnf).filter((name) => !REMARKS.has(name));
  if (names.length === 0 || !names.every((name) => METHODS.has(name))) throw new TokenFault('bound');
  const understood = [...METHODS].filter(([name]) => names.includes(name));
  return Object.freeze(understood.map(([name, method]) => asBinding(method, member(cnf, name))));
}

function asBinding(method: Binding['method'], thumbprint: unknown): Binding {
  if (typeof thumbprint !== 'string' || !THUMBPRINT.test(thumbprint)) throw new TokenFault('bound');
  return Object.freeze({ method, thumbprint });
}

/** Which tokens are enough: any, those that are bound to something, or those that are bound to a key by DPoP. */
export type Requirement = 'none' | 'bound' | 'dpop';

/** Requires the proof of everything that a token is bound to, and that it came under the scheme for what it is bound to. */
export type Possession = (claimed: Claimed) => Promise<void>;

/**
 * Prepares the last step of authentication, which every request takes for itself, however well its token is known.
 * It throws `TokenFault`, and whatever the proofs throw.
 */
export function possession(proofs: readonly PossessionProof[], required: Requirement): Possession {
  const known = new Map(proofs.map((proof) => [proof.method, proof]));
  return async (claimed) => {
    const { bindings } = claimed;
    assertScheme(claimed, required);
    for (const { method, thumbprint } of bindings) {
      const proof = known.get(method);
      if (proof === undefined) throw new TokenFault('bound');
      await proof.prove(claimed, thumbprint);
    }
  };
}

function assertScheme({ scheme, bindings }: Claimed, required: Requirement): void {
  const dpop = bindings.some(({ method }) => method === 'dpop');
  // A thief would leave the proof out, or bring one of a key that nobody asked for (RFC 9449 section 7.2).
  if (dpop && scheme !== 'dpop') throw new TokenFault('bound');
  if (!dpop && (scheme === 'dpop' || required === 'dpop')) throw new TokenFault('unbound');
  if (required === 'bound' && bindings.length === 0) throw new TokenFault('unbound');
}
