export { fakeContext, type FakeRequest } from './testing/fakeContext.js';
export { fakeIssuer, type FakeIssuer, type FakeIssuerOptions } from './testing/fakeIssuer.js';
