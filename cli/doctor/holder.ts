import { dpopFetch } from '../../client/dpopFetch.js';
import { signingFetch } from '../../client/signingFetch.js';
import type { ProofKey } from '../../lib/dpop/createProof.js';
import type { Signer } from '../../lib/keys/signer.js';
import { thumbprint } from '../../lib/keys/thumbprint.js';
import { isObject } from '../../lib/rpc.js';
import { decodeJwt, member, type Members } from '../../lib/tokens/jwt.js';
import { asksForSignature, type Answer, type Patient, type Question } from './ask.js';
import { askThrough, type Wrap } from './through.js';

/** Somebody with a token, who proves to hold its key where it is bound to one, and signs where that is asked for. */
export interface Holder {
  readonly token: string;
  readonly authorization: string;
  /** What the token says, unless it is no JWT. Nothing of it is verified. */
  readonly claims: Members | undefined;
  /** Whether the token says that it is bound to a key. */
  readonly isBound: boolean;
  /** Whether requests can be signed. */
  readonly signs: boolean;
  /** Why the token cannot count from here, whatever else it is, and what to do about it. */
  readonly obstacle: Obstacle | undefined;
  /** Adds a proof to requests, if one is needed. */
  readonly prove: Wrap;
  /** Asks with the token, its proof, and a signature where the server asks for one. */
  readonly ask: (question?: Question) => Promise<Answer>;
  /** Asks with the token and its proof, and never signs. */
  readonly askUnsigned: (question?: Question) => Promise<Answer>;
  /** Asks with the token and no proof of it, as a thief would, but with a signature where the server asks for one. */
  readonly askUnproven: () => Promise<Answer>;
}

export interface Obstacle {
  readonly text: string;
  readonly fix: string;
}

/** What somebody holds who looks at a server. */
export interface Belongings {
  readonly token: string;
  /** The key that the token may be bound to. */
  readonly key: ProofKey | undefined;
  /** What requests are signed with. */
  readonly signer: Signer | undefined;
}

/** Who holds a token, and perhaps the key that it is bound to. */
export function holderOf(patient: Patient, { token, key, signer }: Belongings): Holder {
  const claims = claimsOf(token);
  const { jkt, certificate } = bindingsOf(claims);
  // A token that cannot be read does not say whether it is bound; whoever passes a key does.
  const proofKey = claims === undefined || jkt !== undefined ? key : undefined;
  const authorization = `Bearer ${token}`;
  const resource = patient.url.href;
  const prove: Wrap = (send) => (proofKey === undefined ? send : dpopFetch({ resource, key: proofKey, fetch: send }));

  const through = async (wrap: Wrap, question: Question = {}): Promise<Answer> => {
    const headers = { ...question.headers, authorization };
    return (await askThrough(wrap, patient, { ...question, headers })).answer;
  };
  const asWanted = async (wrap: Wrap, question?: Question): Promise<Answer> => {
    const answer = await through(wrap, question);
    if (signer === undefined || !asksForSignature(answer)) return answer;
    return through((send) => wrap(signingFetch({ signer, resource, fetch: send })), question);
  };
  return {
    token,
    authorization,
    claims,
    isBound: jkt !== undefined,
    signs: signer !== undefined,
    obstacle: certificate === undefined ? obstacleOf(jkt, key) : OF_CERTIFICATE,
    prove,
    ask: (question) => asWanted(prove, question),
    askUnsigned: (question) => through(prove, question),
    askUnproven: () => asWanted((send) => send),
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
