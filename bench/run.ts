import { benchCore } from './core.js';

await benchCore();
