export { signingFetch, type SigningFetchOptions } from './signingFetch.js';
