import type { Contender } from './contender.js';
import { expressPeers } from './express.js';
import { koaPeers } from './koa.js';
import { ours } from './ours.js';

/** Every row of the process and HTTP benchmarks. */
export const contenders: readonly Contender[] = [...expressPeers, ...ours, ...koaPeers];
