export { fakeContext, type FakeRequest } from './testing/fakeContext.js';
