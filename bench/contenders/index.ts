import type { Contender } from './contender.js';
import { expressPeers } from './express.js';
import { koaPeers } from './koa.js';
import { oursOnExpress, oursOnKoa } from './ours.js';

/** Every row of the process and HTTP benchmarks. */
export const contenders: readonly Contender[] = [...expressPeers, ...oursOnExpress, ...koaPeers, ...oursOnKoa];
