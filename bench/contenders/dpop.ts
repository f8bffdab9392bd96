import express from 'express';
import { auth as oauth2JwtBearer } from 'express-oauth2-jwt-bearer';
import type { JSONWebKeySet } from 'jose';
import { toExpress } from '../../adapters/express.js';
import { authenticate, memoryReplay, oidc, type DPoPOptions } from '../../lib/index.js';
import type { Contender, Setup } from './contender.js';
import { EXPRESS, expressApp } from './express.js';

export const PEER = `${EXPRESS} + express-oauth2-jwt-bearer, DPoP required, no replay check`;
export const OURS = `${EXPRESS} + authenticate, DPoP required`;

/** Every proof of a run must fit, however long it takes. */
const REPLAY = { max: 10_000_000, maxPerHolder: 10_000_000 };

function authenticated(setup: Setup, options: DPoPOptions = {}) {
  const { issuer, jwks, audience } = setup;
  const known = oidc({ issuer, jwks: jwks as unknown as JSONWebKeySet });
  const dpop = { mode: 'require', replay: memoryReplay(REPLAY), ...options } as const;
  return toExpress(authenticate({ issuers: [known], resource: audience, dpop }));
}

/** The same endpoint behind tokens that are bound to a key. */
export const dpopContenders: readonly Contender[] = [
  { name: EXPRESS, denies: 'nothing', build: () => expressApp(express.json()) },
  {
    name: PEER,
    baseline: EXPRESS,
    denies: 'bad tokens',
    build: ({ issuer, jwksUri, audience, algorithm }) =>
      expressApp(
        express.json(),
        oauth2JwtBearer({
          issuer,
          jwksUri,
          audience,
          tokenSigningAlg: algorithm,
          strict: true,
          dpop: { enabled: true, required: true },
        }),
      ),
  },
  {
    name: OURS,
    baseline: EXPRESS,
    denies: 'bad tokens',
    build: (setup) => expressApp(express.json(), authenticated(setup)),
  },
  {
    name: `${OURS}, with nonces`,
    baseline: EXPRESS,
    denies: 'bad tokens',
    build: (setup) => expressApp(express.json(), authenticated(setup, { nonces: { secret: NONCE_SECRET } })),
  },
];

/** Known to whoever makes the proofs of a run. */
export const NONCE_SECRET = 'a benchmark has nothing to keep secret';
