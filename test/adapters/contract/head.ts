import type { Framework } from '../app.js';
export function describeHeadHooks(_framework: Framework): void {}
