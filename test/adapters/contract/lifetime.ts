import type { Framework } from '../app.js';
export function describeLifetime(_framework: Framework): void {}
