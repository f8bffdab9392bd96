import { expect } from 'chai';
import { BAD } from '../../soak/bad.js';
import { describeFull, isSoundWhenFull, judgeFull } from '../../soak/full.js';
import { GOOD } from '../../soak/good.js';
import type { Kind } from '../../soak/kind.js';
import { Tally } from '../../soak/tally.js';
import type { Answer } from '../../soak/verdict.js';

const KINDS = [...GOOD, ...BAD];
const FULL: Answer = { status: 503, code: 'unavailable' };

const rightTo = ({ expected }: Kind): Answer =>
  expected.effect === 'deny' ? { status: expected.status, code: expected.code } : { status: 200 };

/** What comes of one request of each kind. */
function tallyOf(answerTo: (kind: Kind) => Answer, kinds: readonly Kind[] = KINDS): Tally {
  const tally = new Tally(kinds);
  for (const kind of kinds) tally.add(kind, judgeFull(kind, answerTo(kind)), answerTo(kind), 0);
  return tally;
}

describe('a server whose stores are full', () => {
  const plain = GOOD.filter(({ isPlain }) => isPlain);

  it('is sound when it answers 503 to what needs room in a store', () => {
    const tally = tallyOf((kind) => (kind.isPlain ? { status: 200 } : FULL));
    expect(isSoundWhenFull(tally)).to.equal(true);
    expect(isSoundWhenFull(tallyOf(rightTo))).to.equal(true);
  });

  it('is not sound when it answers 503 to everything, or to lists alone', () => {
    expect(plain.map(({ name }) => name)).to.deep.equal(['list, with a token', 'list, with a token nobody has seen']);
    expect(isSoundWhenFull(tallyOf(() => FULL))).to.equal(false);
    for (const one of plain)
      expect(isSoundWhenFull(tallyOf((kind) => (kind === one ? FULL : rightTo(kind))))).to.equal(false);
  });

  it('is not sound when it was asked for nothing that it had to serve', () => {
    expect(isSoundWhenFull(tallyOf(rightTo, BAD))).to.equal(false);
    expect(isSoundWhenFull(tallyOf(rightTo, []))).to.equal(false);
  });

  it('is described with the share of each outcome', () => {
    const [list] = plain as [Kind];
    const tally = new Tally(KINDS);
    for (const answer of [{ status: 200 }, { status: 200 }, FULL]) tally.add(list, judgeFull(list, answer), answer, 0);
    expect(describeFull(tally)).to.equal(
      '2 (66.7%) as expected, 0 (0.0%) with 503, 0 wrongly allowed, 1 wrongly denied, 0 other reason',
    );
    expect(describeFull(new Tally(KINDS))).to.match(/^0 \(0\.0%\) as expected/);
  });
});
