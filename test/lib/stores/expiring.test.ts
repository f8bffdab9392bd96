import { expect } from 'chai';
import fc from 'fast-check';
import { Unavailable } from '../../../lib/denial.js';
import { Expiring } from '../../../lib/stores/expiring.js';

describe('Expiring', () => {
  it('finds what is behind an entry that lives long, once it has expired', () => {
    const entries = new Expiring<number>(100);
    entries.set('long', 0, 1_000_000, 0);
    for (let at = 1; at < 100; at += 1) entries.set(`short ${at}`, at, 1_000, 0);
    expect(() => {
      entries.set('new', 1, 2_000, 999);
    }).to.throw(Unavailable);
    for (let at = 0; at < 99; at += 1) entries.set(`new ${at}`, at, 3_000, 1_000);
    expect(entries.get('long', 1_000)).to.equal(0);
    expect(entries.get('new 98', 1_000)).to.equal(98);
    expect(() => {
      entries.set('one more', 1, 3_000, 1_000);
    }).to.throw(Unavailable);
  });

  it('has room as long as fewer than its most live, however long each does, and drops none of them', () => {
    const step = fc.record({ key: fc.nat(20), lives: fc.integer({ min: 1, max: 50 }), after: fc.nat(10) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const most = 8;
        const entries = new Expiring<number>(most);
        const live = new Map<string, number>();
        let time = 0;
        for (const { key, lives, after } of steps) {
          time += after;
          for (const [name, until] of live) if (until <= time) live.delete(name);
          const name = String(key);
          const others = live.size - (live.has(name) ? 1 : 0);
          if (others < most) {
            entries.set(name, time, time + lives, time);
            live.set(name, time + lives);
          } else {
            expect(() => {
              entries.set(name, time, time + lives, time);
            }).to.throw(Unavailable);
            live.delete(name);
          }
          for (const one of live.keys()) expect(entries.get(one, time)).to.be.a('number');
          expect(entries.size).to.be.at.most(most);
        }
      }),
    );
  });

  it('drops what expired although nothing is asked for', () => {
    const entries = new Expiring<number>(10_000);
    entries.set('long', 0, 1_000_000, 0);
    for (let at = 0; at < 1_000; at += 1) entries.set(`short ${at}`, at, 10, 0);
    for (let at = 0; at < 1_000; at += 1) entries.set('same', at, 1_000, 20);
    expect(entries.size).to.be.lessThan(10);
  });
});
