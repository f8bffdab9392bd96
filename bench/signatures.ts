// What it costs to verify a signed request: the raw computation alone, this package with digest and replay, and a peer.
import { createPublicKey, generateKeyPairSync, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createVerifier, httpbis } from 'http-message-signatures';
import type { RequestContext } from '../lib/context.js';
import { importSignKey, type KeyAlgorithm } from '../lib/keys/algorithms.js';
import { openTrust } from '../lib/keys/trust.js';
import { signRequestFields } from '../lib/signatures/signRequest.js';
import { findSignatures } from '../lib/signatures/received.js';
import { signatureVerifier } from '../lib/signatures/verifier.js';
import { memoryReplay } from '../lib/stores/replay.js';
import { compare, ratio, type Contender } from './harness.js';
import { BODY } from './message.js';
import { benchReplay } from './replay.js';
import { say } from './report.js';

const RESOURCE = 'https://mcp.example.com/mcp';
const WARM_CALLS = 10_000;
const PEER = { ES256: 'ecdsa-p256-sha256', RS256: 'rsa-v1_5-sha256' } as const;

/** One table for each algorithm: the first row is the raw computation. */
export async function benchSignatures(): Promise<void> {
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const contenders = await contendersFor(algorithm);
    // A server that has run for a second has its code compiled: before that, a check takes twice as long.
    for (const contender of contenders) await warm(contender);
    const rows = await compare(`verify a signed request, ${algorithm}`, contenders);
    const [raw, ours] = rows;
    if (raw === undefined || ours === undefined) continue;
    const times = ratio(ours, raw);
    const target = algorithm === 'ES256' ? 'ratio at most 1.25' : 'at most 15 us added';
    say(
      `${algorithm}: raw ${raw.cpu.median.toFixed(1)} us, ours adds ${ours.added.median.toFixed(1)} us, ratio ${times.toFixed(2)} (target: ${target})`,
    );
  }
  await benchReplay();
}

async function warm({ run }: Contender): Promise<void> {
  for (let call = 0; call < WARM_CALLS; call += 1) await run();
}

async function contendersFor(algorithm: keyof typeof PEER): Promise<readonly Contender[]> {
  const { privateKey, publicKey } = keyPair(algorithm);
  const body = Buffer.from(BODY);
  const headers = new Headers({ 'content-type': 'application/json', authorization: `Bearer ${'x'.repeat(700)}` });
  const key = await importSignKey({ ...privateKey.export({ format: 'jwk' }), alg: algorithm });
  const created = Math.floor(Date.now() / 1000);
  const parameters = { created, expires: created + 300, nonce: 'n'.repeat(22) };
  const fields = await signRequestFields({ method: 'POST', url: new URL(RESOURCE), headers, body, key, parameters });
  const all = { ...Object.fromEntries(headers), 'content-length': String(body.length), ...fields };
  return [
    raw(algorithm, privateKey, publicKey),
    ours(algorithm, publicKey, all, body),
    peer(algorithm, publicKey, all),
  ];
}

function keyPair(algorithm: KeyAlgorithm): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** Over as many bytes as a signature base has. */
function raw(algorithm: KeyAlgorithm, privateKey: KeyObject, publicKey: KeyObject): Contender {
  const base = Buffer.alloc(1200, 'b');
  const encoding = algorithm === 'ES256' ? ({ dsaEncoding: 'ieee-p1363' } as const) : {};
  const signature = sign('sha256', base, { key: privateKey, ...encoding });
  const key = { key: publicKey, ...encoding };
  return { name: 'node:crypto verify alone', run: () => verify('sha256', base, key, signature) };
}

function ours(algorithm: KeyAlgorithm, publicKey: KeyObject, all: Record<string, string>, body: Uint8Array): Contender {
  const jwk = { ...publicKey.export({ format: 'jwk' }), alg: algorithm } as JsonWebKey & { kty: string };
  const now = (): Date => new Date();
  const store = memoryReplay({ max: 10_000_000, maxPerHolder: 10_000_000 });
  let claims = 0;
  const check = signatureVerifier({
    trust: openTrust('bench', [{ owner: 'peer', jwks: { keys: [jwk] } }], {
      option: 'keys',
      purpose: 'request',
      fetch,
      now,
    }),
    // One signature is verified again and again, so each claim gets a key of its own.
    replay: { claim: (one, expiresAt, holder) => store.claim(`${one}:${(claims += 1)}`, expiresAt, holder) },
    resource: RESOURCE,
    path: '/mcp',
    maxAge: 300,
    clockTolerance: 60,
    now,
  });
  const headers = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, [value]]));
  const request = { method: 'POST', target: '/mcp', headers, body: () => Promise.resolve(body) };
  const ctx = { request, state: {} } as unknown as RequestContext;
  return {
    name: 'mcp-etdi, with digest and replay',
    run: async () => {
      await check(ctx, findSignatures(headers), undefined);
    },
  };
}

function peer(algorithm: keyof typeof PEER, publicKey: KeyObject, headers: Record<string, string>): Contender {
  const verifier = createVerifier(createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), PEER[algorithm]);
  const keyLookup = (): Promise<{ id: string; verify: typeof verifier }> =>
    Promise.resolve({ id: 'peer', verify: verifier });
  return {
    name: 'http-message-signatures, without both',
    run: async () => {
      const valid = await httpbis.verifyMessage({ keyLookup }, { method: 'POST', url: RESOURCE, headers });
      if (valid !== true) throw new Error('the peer does not verify the signature');
    },
  };
}
