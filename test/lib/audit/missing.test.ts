import { expect } from 'chai';
import fc from 'fast-check';
import { MissingRecords } from '../../../lib/audit/trail/missing.js';

const PLACE = { file: 'audit.jsonl', line: 1 };

describe('MissingRecords', () => {
  it('knows each number until it is taken, once', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 })), { maxLength: 20 });
    fc.assert(
      fc.property(gaps, fc.array(fc.integer({ min: 0, max: 170 }), { maxLength: 200 }), (list, asked) => {
        const missing = new MissingRecords();
        const expected = new Set<number>();
        let next = 1;
        for (const [skip, length] of list) {
          const from = next + skip;
          missing.add(from, from + length - 1, PLACE);
          for (let seq = from; seq < from + length; seq += 1) expected.add(seq);
          next = from + length;
        }
        for (const seq of asked) expect(missing.take(seq), String(seq)).to.equal(expected.delete(seq));
        const left = missing
          .ranges()
          .flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
        expect(left).to.deep.equal([...expected].sort((a, b) => a - b));
      }),
    );
  });

  it('takes a log of which every second record is gone in no time to speak of', () => {
    const missing = new MissingRecords();
    for (let seq = 1; seq < 400_000; seq += 2) missing.add(seq, seq, PLACE);
    expect(missing.take(399_999)).to.equal(true);
    expect(missing.take(399_998)).to.equal(false);
    expect(missing.ranges()).to.have.lengthOf(199_999);
  });
});
