import type { Framework } from '../app.js';
export function describeStreams(_framework: Framework): void {}
