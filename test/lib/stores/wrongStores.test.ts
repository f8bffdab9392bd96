import { expect } from 'chai';
import {
  authenticate,
  bindSession,
  callStackGuard,
  defineTools,
  memoryStores,
  oidc,
  protectedResource,
  verifySignature,
} from '../../../lib/index.js';
import { redisStores } from '../../../lib/stores/redis.js';

const resource = 'https://mcp.example.com/mcp';
const issuer = 'https://issuer.example';
const keys = [{ owner: 'https://peer.example', jwksUri: 'https://peer.example/jwks.json' }];
const client = { call: () => Promise.resolve('OK') };
const all = redisStores(client);

/** What is given a store, the option that it has for it, and the member of all stores that fits. */
const OPTIONS: readonly (readonly [string, string, string, string, (store: never) => unknown])[] = [
  [
    'bindSession',
    "bindSession: 'store'",
    "functions 'bind', 'use' and 'release'",
    'sessions',
    (store) => bindSession({ store }),
  ],
  [
    'verifySignature',
    "verifySignature: 'replay'",
    "a function 'claim'",
    'replay',
    (replay) => verifySignature({ keys, resource, mode: 'off', replay }),
  ],
  [
    'authenticate',
    "authenticate 'dpop': 'replay'",
    "a function 'claim'",
    'replay',
    (replay) => authenticate({ issuers: [oidc({ issuer })], resource, dpop: { replay } }),
  ],
  [
    'protectedResource',
    "protectedResource 'dpop': 'replay'",
    "a function 'claim'",
    'replay',
    (replay) => protectedResource({ resource, authorizationServers: [issuer], dpop: { replay } }),
  ],
  [
    'callStackGuard',
    "callStackGuard: 'replay'",
    "a function 'claim'",
    'replay',
    (replay) => callStackGuard({ tools: defineTools({}), identity: { resource }, replay }),
  ],
];

describe('a store in the place of another', () => {
  const WRONG: readonly (readonly [string, unknown])[] = [
    ['all stores', all],
    ['all stores of one process', memoryStores({ singleProcess: true })],
    ['a client of Redis', client],
    ['an empty object', {}],
    ['null', null],
    ['a name', 'redis'],
    ['the store of approvals', all.approvals],
  ];

  for (const [factory, option, needed, member, open] of OPTIONS) {
    for (const [what, store] of WRONG) {
      it(`does not build as one of ${factory}: ${what}`, () => {
        const text = `${option} must be a store with ${needed}, such as redisStores(client).${member}`;
        expect(() => open(store as never)).to.throw(TypeError, text);
      });
    }

    it(`builds where it is the one that ${factory} takes`, () => {
      for (const stores of [all, memoryStores({ singleProcess: true })]) {
        expect(() => open(stores[member as 'replay'] as never)).not.to.throw();
      }
      expect(() => open(undefined as never)).not.to.throw();
    });
  }

  it('may be an instance of a class', () => {
    class Claims {
      claim(): Promise<boolean> {
        return Promise.resolve(true);
      }
    }
    expect(() => verifySignature({ keys, resource, mode: 'off', replay: new Claims() })).not.to.throw();
  });

  it('does not build as the counter of callStackGuard', () => {
    const open = (calls: unknown) => () =>
      callStackGuard({ tools: defineTools({}), identity: { resource }, calls: calls as never });
    const text =
      "callStackGuard: 'calls' must be a store for express-rate-limit, or make one, such as redisStores(client).rate";
    for (const calls of [all, client, {}]) expect(open(calls)).to.throw(TypeError, text);
    expect(open(all.rate)).not.to.throw();
  });
});
