export type { Auth } from './authenticate.js';
export { validateOrigin, type ValidateOriginOptions } from './validateOrigin.js';
