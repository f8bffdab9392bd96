import { expect } from 'chai';
import type { RequestContext } from '../../../lib/context.js';
import { Unavailable } from '../../../lib/denial.js';
import { importVerifyKey, type VerifyKey } from '../../../lib/keys/algorithms.js';
import type { TrustedKey } from '../../../lib/keys/trust.js';
import { findSignatures } from '../../../lib/signatures/received.js';
import { signatureVerifier, SignatureFault } from '../../../lib/signatures/verifier.js';
import { memoryReplay } from '../../../lib/stores/replay.js';
import { fakeSigner, signRequest, type FakeSigner } from '../../../lib/testing.js';

const resource = 'https://mcp.example.com/mcp';
const owner = 'https://agent.example.com';
const BODY = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const time = Date.UTC(2026, 0, 1) / 1000;

describe('signatureVerifier', () => {
  let signer: FakeSigner;
  /** Each signature that was verified: whether it held. */
  let verified: boolean[];
  let holders: unknown[];

  before(async () => {
    signer = await fakeSigner();
  });

  beforeEach(() => {
    verified = [];
    holders = [];
  });

  type Signed = Readonly<Record<string, string>>;

  const signed = async (label = 'sig1', created = time): Promise<Signed> => {
    const headers = await signRequest({ url: resource, body: BODY }, { signer, created });
    const relabelled = (value = ''): string => value.replace('sig1', label);
    return {
      ...headers,
      'signature-input': relabelled(headers['signature-input']),
      signature: relabelled(headers['signature']),
    };
  };
  const bogus = async (label: string, created = time): Promise<Signed> => ({
    ...(await signed(label, created)),
    signature: `${label}=:${Buffer.alloc(64, label).toString('base64')}:`,
  });

  /** Sends one request with all of these signatures. */
  const verify = async (signatures: readonly Signed[], find?: (keyId: string) => Promise<TrustedKey | undefined>) => {
    const [key] = signer.jwks.keys.map(importVerifyKey) as [VerifyKey];
    const { keyId } = key;
    const watched: TrustedKey = {
      key: {
        ...key,
        verify: async (data, signature) => {
          const holds = await key.verify(data, signature);
          verified.push(holds);
          return holds;
        },
      },
      owner,
      clientId: 'client',
      mayRoot: false,
    };
    const store = memoryReplay({ now: () => new Date(time * 1000) });
    const check = signatureVerifier({
      trust: { find: find ?? ((id) => Promise.resolve(id === keyId ? watched : undefined)) },
      replay: {
        claim: (one, until, holder) => {
          holders.push(holder);
          return store.claim(one, until, holder);
        },
      },
      resource,
      path: '/mcp',
      maxAge: 300,
      clockTolerance: 30,
      now: () => new Date(time * 1000),
    });
    const joined = (name: string): string[] => [signatures.map((one) => one[name] ?? '').join(', ')];
    const { 'content-digest': digest = '' } = signatures[0] ?? {};
    const headers = {
      'content-type': ['application/json'],
      'content-digest': [digest],
      'signature-input': joined('signature-input'),
      signature: joined('signature'),
    };
    const body = (): Promise<Uint8Array> => Promise.resolve(Buffer.from(BODY));
    const ctx = { request: { method: 'POST', target: '/mcp', headers, body }, state: {} } as unknown as RequestContext;
    return check(ctx, findSignatures(headers), undefined).then(
      (proven) => proven.trusted.owner,
      (error: unknown) => (error instanceof SignatureFault ? error.reason : error),
    );
  };

  it('verifies two signatures of a request at the most', async () => {
    const mine = await signed();
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((label) => bogus(label)));
    expect(await verify([a!, mine])).to.equal(owner);
    expect(verified).to.deep.equal([false, true]);
    verified = [];
    expect(await verify([a!, b!, mine]), 'a third one').to.have.property('reason', 'signature_mismatch');
    expect(verified).to.deep.equal([false, false]);
    verified = [];
    expect(await verify([a!, b!, c!, mine])).to.have.property('reason', 'signature_mismatch');
    expect(verified).to.deep.equal([false, false]);
  });

  it('verifies none that a cheaper check denies, and does not count it', async () => {
    const stale = await Promise.all(['a', 'b', 'c'].map((label) => bogus(label, time - 400)));
    expect(await verify([...stale, await signed()])).to.equal(owner);
    expect(verified).to.deep.equal([true]);
  });

  it('says of a signature that does not count no more than that', () => {
    expect(new SignatureFault('stale')).to.include({
      name: 'SignatureFault',
      message: 'The signature is not valid',
      reason: 'stale',
    });
  });

  it('finds nothing where there is nothing', async () => {
    const check = signatureVerifier({
      trust: { find: () => Promise.reject(new Error('asked')) },
      replay: memoryReplay(),
      resource,
      path: '/mcp',
      maxAge: 300,
      clockTolerance: 30,
      now: () => new Date(),
    });
    const error: unknown = await check({} as RequestContext, [], undefined).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(SignatureFault).with.property('reason', 'key_unknown');
  });

  it('counts one that can be judged beside one that cannot', async () => {
    const [key] = signer.jwks.keys.map(importVerifyKey) as [VerifyKey];
    const failing = (error: Error) => {
      let asked = 0;
      return (): Promise<TrustedKey | undefined> => {
        asked += 1;
        return asked === 1
          ? Promise.reject(error)
          : Promise.resolve({ key, owner, clientId: 'client', mayRoot: false });
      };
    };
    const both = [await bogus('a'), await signed()];
    expect(await verify(both, failing(new Unavailable('The keys of a peer are not available')))).to.equal(owner);
    const bug = new RangeError('bug');
    expect(await verify(both, failing(bug)), 'but no bug is passed over').to.equal(bug);
  });

  it('fails as the trust it was given failed', async () => {
    const bug = new RangeError('bug');
    expect(await verify([await signed()], () => Promise.reject(bug))).to.equal(bug);
  });

  it('claims the nonce on the account of the owner of the key', async () => {
    await verify([await signed()]);
    expect(holders).to.deep.equal([owner]);
  });

  it('is unavailable when one that cannot be judged might count', async () => {
    const find = (): Promise<never> => Promise.reject(new Unavailable('The keys of a peer are not available'));
    expect(await verify([await signed('a', time - 400), await signed()], find)).to.be.instanceOf(Unavailable);
    expect(await verify([await signed('a', time - 400)], find)).to.equal('stale');
  });
});
