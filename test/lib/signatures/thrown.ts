import { expect } from 'chai';
import { SignatureError, type SignatureReason } from '../../../lib/signatures/error.js';

/** The reason for which a function throws, nothing when it does not. Any other error is a failure of the test. */
export function reasonOf(action: () => unknown): SignatureReason | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return reasonIn(error);
  }
}

/** The reason for which a promise rejects, nothing when it does not. Any other error is a failure of the test. */
export async function rejectionOf(action: () => Promise<unknown>): Promise<SignatureReason | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return reasonIn(error);
  }
}

/** Whoever finds the error in a log reads a sentence. */
function reasonIn(error: unknown): SignatureReason {
  expect(error).to.be.instanceOf(SignatureError).with.property('name', 'SignatureError');
  expect(error)
    .to.have.property('message')
    .that.matches(/^[A-Z][\w-]* \w/);
  return (error as SignatureError).reason;
}
