import { expect } from 'chai';
import { SignatureError, type SignatureReason } from '../../../lib/signatures/error.js';

/** The reason for which a function throws, nothing when it does not. Any other error is a failure of the test. */
export function reasonOf(action: () => unknown): SignatureReason | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(SignatureError);
    return (error as SignatureError).reason;
  }
}

/** The reason for which a promise rejects, nothing when it does not. Any other error is a failure of the test. */
export async function rejectionOf(action: () => Promise<unknown>): Promise<SignatureReason | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(SignatureError);
    return (error as SignatureError).reason;
  }
}
