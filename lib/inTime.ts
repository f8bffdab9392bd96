/**
 * Waits for what somebody else answers, but not longer than this. What comes later is dropped, be it a failure or not.
 * @param late what is thrown then
 */
export async function inTime<Value>(work: Promise<Value>, ms: number, late: () => Error = storeLate): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(late());
    }, ms).unref();
  });
  try {
    return await Promise.race([work, end]);
  } finally {
    clearTimeout(timer);
  }
}

const storeLate = (): Error => new Error('the store did not answer in time');
