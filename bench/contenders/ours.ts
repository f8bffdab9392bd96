import { bodyParser } from '@koa/bodyparser';
import express from 'express';
import type { JSONWebKeySet } from 'jose';
import { Writable } from 'node:stream';
import winston from 'winston';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';
import {
  auditLog,
  authenticate,
  authorizeScopes,
  defineTools,
  oidc,
  type AuditLogOptions,
  type AuthenticateOptions,
  type Middleware,
} from '../../lib/index.js';
import { SCOPE, TOOL, type Contender, type Setup } from './contender.js';
import { EXPRESS, expressApp } from './express.js';
import { KOA, koaApp } from './koa.js';

export const THREE_CHECKS = 'Express 5 + three checks, which read the body';

function authenticated(setup: Setup, options: Pick<AuthenticateOptions, 'cache'> = {}): Middleware<never, 'auth'> {
  const { issuer, jwks, audience } = setup;
  const known = oidc({ issuer, jwks: jwks as unknown as JSONWebKeySet });
  return authenticate({ issuers: [known], resource: audience, scopes: [SCOPE], ...options });
}

function threeChecks(setup: Setup, sink: NonNullable<AuditLogOptions['sink']>) {
  const tools = defineTools({ [TOOL]: { permissions: [SCOPE] } });
  return [auditLog({ sink }), authenticated(setup), authorizeScopes({ tools })] as const;
}

const nullSink = (): void => undefined;

/** JSON lines with a timestamp, to nowhere: what winston itself costs, and not a disk. */
function winstonLogger(): winston.Logger {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const format = winston.format.combine(winston.format.timestamp(), winston.format.json());
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its transports loosely
  return winston.createLogger({ format, transports: [new winston.transports.Stream({ stream })] });
}

/** What it costs to carry a request through the core and to read its messages, without a check. */
const readMessages: Middleware = {
  name: 'readMessages',
  needs: [],
  adds: [],
  run: async ({ request }) => {
    await request.rpc();
    return {};
  },
};

export const oursOnExpress: readonly Contender[] = [
  {
    name: 'Express 5 + no check, messages read',
    baseline: EXPRESS,
    denies: 'nothing',
    build: () => expressApp(toExpress(readMessages)),
  },
  {
    name: `${EXPRESS} + authenticate`,
    baseline: EXPRESS,
    denies: 'bad tokens',
    build: (setup) => expressApp(express.json(), toExpress(authenticated(setup))),
  },
  {
    name: `${EXPRESS} + authenticate, no token cache`,
    baseline: EXPRESS,
    denies: 'bad tokens',
    build: (setup) => expressApp(express.json(), toExpress(authenticated(setup, { cache: false }))),
  },
  {
    name: THREE_CHECKS,
    baseline: EXPRESS,
    denies: 'bad tokens, weak scopes, unknown tools',
    build: (setup) => expressApp(toExpress(...threeChecks(setup, nullSink))),
  },
  {
    name: `${EXPRESS} + three checks`,
    baseline: EXPRESS,
    denies: 'bad tokens, weak scopes, unknown tools',
    build: (setup) => expressApp(express.json(), toExpress(...threeChecks(setup, nullSink))),
  },
  {
    name: `${THREE_CHECKS}, winston sink`,
    baseline: EXPRESS,
    denies: 'bad tokens, weak scopes, unknown tools',
    build: (setup) => expressApp(toExpress(...threeChecks(setup, winstonLogger()))),
  },
];

export const oursOnKoa: readonly Contender[] = [
  {
    name: `${KOA} + authenticate`,
    baseline: KOA,
    denies: 'bad tokens',
    build: (setup) => koaApp(bodyParser(), toKoa(authenticated(setup))),
  },
  {
    name: 'Koa 3 + three checks, which read the body',
    baseline: KOA,
    denies: 'bad tokens, weak scopes, unknown tools',
    build: (setup) => koaApp(toKoa(...threeChecks(setup, nullSink))),
  },
];
