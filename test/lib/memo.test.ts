import { expect } from 'chai';
import { keep, memo } from '../../lib/memo.js';

describe('memo', () => {
  const counted = (most: number): { readonly made: string[]; readonly get: (text: string) => object | undefined } => {
    const made: string[] = [];
    const get = memo(most, (text) => {
      made.push(text);
      return text === '' ? undefined : { text };
    });
    return { made, get };
  };

  it('makes of one text the same thing, once', () => {
    const { made, get } = counted(2);
    expect(get('a')).to.deep.equal({ text: 'a' });
    expect(get('a')).to.equal(get('a'));
    expect(made).to.deep.equal(['a']);
  });

  it('holds as many as it may, and forgets all of them for one more', () => {
    const { made, get } = counted(2);
    for (const text of ['a', 'b', 'a', 'b', 'c', 'c', 'a', 'b']) get(text);
    expect(made).to.deep.equal(['a', 'b', 'c', 'a', 'b']);
  });

  it('does not hold what is nothing, or what fails', () => {
    const { made, get } = counted(1);
    for (const text of ['a', '', '', 'a']) get(text);
    expect(made).to.deep.equal(['a', '', '']);

    let calls = 0;
    const failing = memo(1, () => {
      calls += 1;
      throw new Error('no');
    });
    for (const text of ['a', 'a']) expect(() => failing(text)).to.throw('no');
    expect(calls).to.equal(2);
  });
});

describe('keep', () => {
  it('forgets what was added longest ago, and takes what is added again for new', () => {
    const map = new Map<string, number>();
    for (const [value, key] of ['a', 'b', 'a', 'c'].entries()) keep(map, 2, key, value);
    expect([...map]).to.deep.equal([
      ['a', 2],
      ['c', 3],
    ]);
  });

  it('never holds more than it may', () => {
    const map = new Map(['a', 'b', 'c', 'd'].map((key) => [key, 0]));
    keep(map, 2, 'e', 0);
    expect([...map.keys()]).to.deep.equal(['d', 'e']);
  });
});
