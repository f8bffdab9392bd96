import { Unavailable } from './denial.js';

/**
 * Does what depends on somebody else: whatever fails is an outage, whose constant text says what is down.
 * @throws {Unavailable} what is one already stays as it is
 */
export async function orUnavailable<Value>(outage: string, work: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    throw cause instanceof Unavailable ? cause : new Unavailable(outage, { cause });
  }
}
