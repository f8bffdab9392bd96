export type { Auth } from './authenticate.js';
