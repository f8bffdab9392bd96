import { expect } from 'chai';
import fc from 'fast-check';
import { Steps } from '../../../lib/response/steps.js';

describe('Steps', () => {
  let said: string[];
  let steps: Steps;

  beforeEach(() => {
    said = [];
    steps = new Steps({
      failed: (error) => said.push(`failed ${(error as Error).message}`),
      caughtUp: () => said.push('caught up'),
    });
  });

  const says = (text: string) => (): undefined => void said.push(text);
  const later = (text: string) => async (): Promise<void> => {
    await new Promise(setImmediate);
    said.push(text);
  };
  const settled = async (): Promise<void> => {
    for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
  };

  it('takes steps at once while none is under way', () => {
    expect(steps.take(says('a'))).to.equal(true);
    expect(steps.take(says('b'))).to.equal(true);
    expect(steps.idle).to.equal(true);
    expect(said).to.deep.equal(['a', 'b']);
  });

  it('takes steps in order where one is under way, and says when it has caught up', async () => {
    expect([later('a'), says('b'), later('c'), says('d')].map((step) => steps.take(step))).to.deep.equal([
      false,
      false,
      false,
      false,
    ]);
    expect(steps.idle).to.equal(false);
    await settled();
    expect(said).to.deep.equal(['a', 'b', 'c', 'd', 'caught up']);
    expect(steps.idle).to.equal(true);
    expect(steps.take(says('e'))).to.equal(true);
  });

  it('takes steps that a step adds after those that wait', async () => {
    steps.take(later('a'));
    steps.take(() => {
      steps.take(says('c'));
      return undefined;
    });
    steps.take(says('b'));
    await settled();
    expect(said).to.deep.equal(['a', 'b', 'c', 'caught up']);
  });

  it('ends with a step that fails, at once or later', async () => {
    const fails = (): never => {
      throw new Error('x');
    };
    for (const step of [fails, () => Promise.reject(new Error('x'))]) {
      said = [];
      steps = new Steps({
        failed: (error) => said.push(`failed ${(error as Error).message}`),
        caughtUp: () => said.push('caught up'),
      });
      steps.take(step);
      steps.take(says('never'));
      steps.take(step);
      await settled();
      steps.take(says('never'));
      expect(said).to.deep.equal(['failed x']);
    }
  });

  it('drops everything once stopped, a failure too', async () => {
    steps.take(async () => {
      await new Promise(setImmediate);
      throw new Error('x');
    });
    steps.take(says('never'));
    steps.stop();
    await settled();
    steps.take(says('never'));
    expect(said).to.deep.equal([]);
  });

  it('keeps the order of any mixture', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 15 }), async (slow) => {
        said = [];
        steps = new Steps({ failed: () => said.push('failed'), caughtUp: () => undefined });
        for (const [index, isSlow] of slow.entries()) steps.take((isSlow ? later : says)(String(index)));
        while (!steps.idle) await new Promise(setImmediate);
        expect(said).to.deep.equal(slow.map((_, index) => String(index)));
      }),
      { numRuns: 50 },
    );
  });
});
