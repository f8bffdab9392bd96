import { createPrivateKey, sign } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { memoryApprovals, signedApprovals, signKeyRotation } from '../../../client/index.js';
import { signingFetch } from '../../../client/signingFetch.js';
import {
  callStackGuard,
  defineTools,
  exchangeToken,
  externalSigner,
  introspect,
  openAuditTrail,
  publishTools,
  startCallStack,
  type KeyPurpose,
  type KeyStore,
  type Signer,
} from '../../../lib/index.js';
import { generateKey } from '../../../lib/keys/generateKey.js';
import { KEY_PURPOSES } from '../../../lib/keys/keyRecord.js';
import { fakeSigner } from '../../../lib/testing.js';
import { sandboxed } from './support/store.js';

const resource = 'https://mcp.example.com/mcp';
const tools = defineTools({});

type Open = (signer: Signer, directory: string) => unknown;

/** What signs, the option that it takes its signer by, and what for. */
const SIGNING: readonly (readonly [string, KeyPurpose, Open])[] = [
  [
    "openAuditTrail: 'signer'",
    'audit',
    async (signer, directory) => (await openAuditTrail({ file: join(directory, 'audit.jsonl'), signer })).close(),
  ],
  [
    "callStackGuard: 'identity': 'signer'",
    'call-chain',
    (signer) => callStackGuard({ tools, identity: { resource, signer } }),
  ],
  [
    "startCallStack: 'identity': 'signer'",
    'call-chain',
    (signer) => startCallStack({ identity: { resource, signer }, permissions: [] }),
  ],
  ["publishTools: 'signer'", 'definition', (signer) => publishTools({ tools, resource, signer })],
  ["signingFetch: 'signer'", 'request', (signer) => signingFetch({ resource, signer })],
  [
    "exchangeToken: 'privateKeyJwt'",
    'request',
    (signer) => exchangeToken({ issuer: 'https://issuer.example', clientId: 'mcp', privateKeyJwt: signer }),
  ],
  [
    "introspect: 'privateKeyJwt'",
    'request',
    (signer) => introspect({ issuer: 'https://issuer.example', clientId: 'mcp', privateKeyJwt: signer }),
  ],
  [
    "signedApprovals: 'signer'",
    'approval',
    async (signer) => signedApprovals({ store: memoryApprovals(), signer, keys: (await fakeSigner()).jwks }),
  ],
  [
    "signKeyRotation: 'signer'",
    'definition',
    async (signer) => {
      const { publicJwk: key } = await generateKey('ES256');
      const expiresAt = new Date(Date.now() + 60_000);
      return signKeyRotation({ publisher: resource, key, signer, expiresAt });
    },
  ],
];

async function failureOf(open: () => unknown): Promise<unknown> {
  try {
    await open();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a signer', () => {
  const sandbox = sandboxed();
  let keys: KeyStore;
  beforeEach(async () => {
    keys = await sandbox().open();
  });

  for (const [option, purpose, open] of SIGNING) {
    const others = KEY_PURPOSES.filter((one) => one !== purpose);
    const tryAs = (signer: Signer) => failureOf(() => open(signer, sandbox().folder));

    it(`of a key store signs for '${purpose}' alone as ${option}`, async () => {
      for (const other of others) {
        const text = `${option} signs for '${other}'; pass keyStore.signer('${purpose}')`;
        expect(await tryAs(keys.signer(other)), other)
          .to.be.instanceOf(TypeError)
          .with.property('message', text);
      }
      expect(await tryAs(keys.signer(purpose))).to.equal(undefined);
    });

    it(`that is held elsewhere signs as ${option} unless it is published for something else`, async () => {
      const { publicJwk, privateJwk } = await generateKey('ES256');
      const key = createPrivateKey({ key: privateJwk, format: 'jwk' });
      const held = { publicJwk, sign: (bytes: Uint8Array) => Promise.resolve(sign('sha256', bytes, key)) };
      for (const other of others)
        expect(await tryAs(externalSigner({ ...held, purpose: other })), other).to.be.instanceOf(TypeError);
      expect(await tryAs(externalSigner({ ...held, purpose }))).to.equal(undefined);
      expect(await tryAs(externalSigner(held))).to.equal(undefined);
    });

    it(`that states no purpose signs as ${option}`, async () => {
      const signer: Signer = { current: () => keys.signer(purpose).current() };
      expect(await tryAs(signer)).to.equal(undefined);
    });
  }

  it('of a key store states what it signs for', () => {
    for (const purpose of KEY_PURPOSES) expect(keys.signer(purpose).purpose).to.equal(purpose);
  });
});
