export { CALL_CHAIN } from './callchain/hop.js';
export { fakeContext, type FakeRequest } from './testing/fakeContext.js';
export { fakeIssuer, type FakeIssuer, type FakeIssuerOptions } from './testing/fakeIssuer.js';
export { fakeProver, type FakeProver, type RequestToProve } from './testing/fakeProver.js';
export {
  fakeSigner,
  signRequest,
  type FakeSigner,
  type RequestToSign,
  type SignRequestOptions,
} from './testing/fakeSigner.js';
export { signCallChain, type HopToSign, type SignCallChainOptions } from './testing/signCallChain.js';
