import { expect } from 'chai';
import { Unavailable } from '../../lib/denial.js';
import { orUnavailable } from '../../lib/outage.js';

describe('orUnavailable', () => {
  const failureOf = (work: () => unknown): Promise<unknown> =>
    orUnavailable('It is down', work).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('gives what the work gives', async () => {
    expect(await orUnavailable('It is down', () => 1)).to.equal(1);
    expect(await orUnavailable('It is down', () => Promise.resolve(2))).to.equal(2);
  });

  it('turns a failure into an outage, with its cause, whether the work is late or not', async () => {
    const cause = new Error('ECONNREFUSED');
    const works = [
      () => Promise.reject(cause),
      () => {
        throw cause;
      },
    ];
    for (const work of works) {
      const error = await failureOf(work);
      expect(error).to.be.instanceOf(Unavailable);
      expect(error).to.include({ message: 'It is down', cause });
    }
  });

  it('leaves an outage as it is', async () => {
    const outage = new Unavailable('Something else is down', { retryAfter: 60 });
    expect(await failureOf(() => Promise.reject(outage))).to.equal(outage);
  });
});
