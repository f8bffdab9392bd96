import { expect } from 'chai';
import { Faults, type Fault } from '../../soak/faults.js';
import { readOptions } from '../../soak/options.js';

describe('the faults of a soak', () => {
  const states: string[] = [];
  const fault = (name: string, at: number): Fault => ({
    name,
    at,
    lasts: 0.1,
    least: 0.05,
    grace: 0.05,
    begin: () => states.push(`${name} down`),
    end: () => states.push(`${name} up`),
  });
  beforeEach(() => (states.length = 0));

  it('come and go one after the other, in each cycle', async () => {
    const faults = new Faults();
    const event = { name: 'changed', at: 0.2, happen: () => states.push('changed') };
    await faults.run(0.4, [fault('disk', 0.5), fault('store', 0)], [event]);
    expect(states.filter((state) => state !== 'changed')).to.deep.equal([
      'store down',
      'store up',
      'disk down',
      'disk up',
    ]);
    expect(faults.happened).to.deep.equal(['changed']);
    expect(faults.windows.map(({ name }) => name)).to.deep.equal(['store', 'disk']);
  });

  it('excuse what was under way at any time from their beginning until everybody has recovered', async () => {
    const faults = new Faults();
    const before = performance.now();
    expect(faults.outageSince(before)).to.equal(false);
    const meanwhile: boolean[] = [];
    const one = { ...fault('store', 0), end: () => meanwhile.push(faults.outageSince(performance.now())) };
    await faults.run(0.1, [one], []);
    expect(meanwhile).to.deep.equal([true]);
    const { to = 0 } = faults.windows[0] ?? {};
    expect([before, to, to + 1].map((from) => faults.outageSince(from))).to.deep.equal([true, true, false]);
  });
});

describe('the options of a soak', () => {
  it('are two minutes by default', () => {
    expect(readOptions([])).to.deep.equal({ seconds: 120, rate: 250, requests: undefined });
  });

  it('are those that are given', () => {
    expect(readOptions(['--minutes', '30', '--rate', '100'])).to.deep.include({ seconds: 1800, rate: 100 });
    expect(readOptions(['--seconds', '10'])).to.deep.include({ seconds: 10 });
    expect(readOptions(['--requests', '1000000'])).to.deep.include({ requests: 1_000_000 });
  });

  for (const args of [['--minutes', 'x'], ['--minutes', '0'], ['--rate', '-1'], ['--hours', '1'], ['1']]) {
    it(`are not ${args.join(' ')}`, () => {
      expect(() => readOptions(args)).to.throw(TypeError);
    });
  }
});
