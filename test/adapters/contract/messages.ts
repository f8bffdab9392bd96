import type { Framework } from '../app.js';
export function describeMessageHooks(_framework: Framework): void {}
