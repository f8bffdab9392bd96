import { dpopFetch } from '../../client/dpopFetch.js';
import type { ProofKey } from '../../lib/dpop/createProof.js';
import { thumbprint } from '../../lib/keys/thumbprint.js';
import { isObject } from '../../lib/rpc.js';
import { decodeJwt, member, type Members } from '../../lib/tokens/jwt.js';
import { ask, type Answer, type Patient, type Question } from './ask.js';
import { askThrough, type Wrap } from './through.js';

/** Somebody with a token, who proves to hold its key where it is bound to one. */
export interface Holder {
  readonly authorization: string;
  /** What the token says, unless it is no JWT. Nothing of it is verified. */
  readonly claims: Members | undefined;
  /** Whether the token says that it is bound to a key. */
  readonly isBound: boolean;
  /** Why the token cannot count from here, whatever else it is, and what to do about it. */
  readonly obstacle: Obstacle | undefined;
  /** Adds a proof to requests, if one is needed. */
  readonly prove: Wrap;
  /** Asks with the token, and its proof. */
  readonly ask: (question?: Question) => Promise<Answer>;
  /** Asks with the token alone, as a thief would. */
  readonly askUnproven: () => Promise<Answer>;
}

export interface Obstacle {
  readonly text: string;
  readonly fix: string;
}

/** Who holds a token, and perhaps the key that it is bound to. */
export function holderOf(patient: Patient, token: string, key: ProofKey | undefined): Holder {
  const claims = claimsOf(token);
  const { jkt, certificate } = bindingsOf(claims);
  // A token that cannot be read does not say whether it is bound; whoever passes a key does.
  const proofKey = claims === undefined || jkt !== undefined ? key : undefined;
  const authorization = `Bearer ${token}`;
  const prove: Wrap = (send) =>
    proofKey === undefined ? send : dpopFetch({ resource: patient.url.href, key: proofKey, fetch: send });
  return {
    authorization,
    claims,
    isBound: jkt !== undefined,
    obstacle: certificate === undefined ? obstacleOf(jkt, key) : OF_CERTIFICATE,
    prove,
    ask: async (question = {}) => {
      const headers = { ...question.headers, authorization };
      return (await askThrough(prove, patient, { ...question, headers })).answer;
    },
    askUnproven: () => ask(patient, { headers: { authorization } }),
  };
}

const OF_CERTIFICATE: Obstacle = {
  text: 'The token is bound to a client certificate, and none is shown here.',
  fix: 'pass a token that is bound to no certificate',
};

function obstacleOf(jkt: unknown, key: ProofKey | undefined): Obstacle | undefined {
  if (jkt === undefined) return undefined;
  if (key === undefined) {
    const text = 'The token is bound to a key, and counts only with proofs of it (DPoP).';
    return { text, fix: 'pass the private key with --proof-key-file' };
  }
  if (jkt === thumbprint(key.jwk)) return undefined;
  const text = 'The token is bound to another key than that of --proof-key-file.';
  return { text, fix: 'pass the key that it was requested with' };
}

function claimsOf(token: string): Members | undefined {
  try {
    return decodeJwt(token).claims;
  } catch {
    return undefined;
  }
}

function bindingsOf(claims: Members = {}): { readonly jkt: unknown; readonly certificate: unknown } {
  const cnf = member(claims, 'cnf');
  return isObject(cnf)
    ? { jkt: member(cnf, 'jkt'), certificate: member(cnf, 'x5t#S256') }
    : { jkt: undefined, certificate: undefined };
}
