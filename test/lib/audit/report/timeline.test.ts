import { expect } from 'chai';
import fc from 'fast-check';
import { sumOf } from '../../../../lib/audit/report/outcomes.js';
import { Timeline } from '../../../../lib/audit/report/timeline.js';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-11-22T12:00:00Z');

describe('Timeline', () => {
  it('has no bars without requests, and one for one', () => {
    const timeline = new Timeline();
    expect(timeline.slots()).to.deep.equal([]);
    timeline.add(NOON + 1, 'denied');
    expect(timeline.slots()).to.deep.equal([
      { time: NOON, outcomes: { allowed: 0, denied: 1, retried: 0, failed: 0, aborted: 0 } },
    ]);
  });

  const spans: [name: string, span: number, width: number][] = [
    ['95 seconds', 95_000, 1000],
    ['96 seconds', 96_000, 5000],
    ['a day', 24 * HOUR, HOUR],
    ['a week', 7 * 24 * HOUR, 3 * HOUR],
    ['a year', 365 * 24 * HOUR, 7 * 24 * HOUR],
    ['a thousand years', 1000 * 365 * 24 * HOUR, 364 * 24 * HOUR * 16],
  ];
  for (const [name, span, width] of spans) {
    it(`shows ${name} in bars of ${width} ms`, () => {
      const timeline = new Timeline();
      timeline.add(NOON, 'allowed');
      timeline.add(NOON + span, 'failed');
      expect(timeline.width).to.equal(width);
      expect(timeline.slots().length).to.be.greaterThan(1).and.at.most(96);
    });
  }

  it('shows the same in whatever order requests come, and loses none', () => {
    const times = fc.array(fc.integer({ min: -1e14, max: 1e14 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(times, (list) => {
        const [forward, backward] = [new Timeline(), new Timeline()];
        for (const time of list) forward.add(time, 'allowed');
        for (const time of [...list].reverse()) backward.add(time, 'allowed');
        const slots = forward.slots();
        expect(backward.slots()).to.deep.equal(slots);
        expect(slots.length).to.be.at.most(96);
        expect(slots.reduce((sum, { outcomes }) => sum + sumOf(outcomes), 0)).to.equal(list.length);
        for (const { time, outcomes } of slots) {
          const inside = list.filter((one) => one >= time && one < time + forward.width);
          expect(outcomes.allowed).to.equal(inside.length);
        }
      }),
    );
  });
});
