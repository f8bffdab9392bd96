import type { Middleware } from '../../lib/middleware.js';
import { toExpress } from '../../adapters/express.js';
import type { Contender } from './contender.js';
import { EXPRESS, expressApp } from './express.js';

export const THREE_CHECKS = 'Express 5 + three checks (body read by them)';

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

export const ours: readonly Contender[] = [
  {
    name: 'Express 5 + toExpress, body read by it, no check',
    baseline: EXPRESS,
    denies: 'nothing',
    build: () => expressApp(toExpress(readMessages)),
  },
];
