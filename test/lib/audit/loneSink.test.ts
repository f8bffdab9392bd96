import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { openLoneSink } from '../../../lib/audit/loneSink.js';
import type { AuditEvent } from '../../../lib/index.js';

const event = (id: string): AuditEvent => ({ v: 1, type: 'request', id, outcome: 'allowed' }) as unknown as AuditEvent;

interface Told {
  readonly message: string;
  readonly id: string | undefined;
}

/** A sink that takes two events, and no more before it is told to go on. */
class SlowSink {
  readonly seen: AuditEvent[] = [];
  readonly told: Told[] = [];
  readonly put = openLoneSink(
    (one) => {
      this.seen.push(one);
      return new Promise<void>((resolve) => this.#waiting.push(resolve));
    },
    {
      limit: 2,
      index: 1,
      now: () => new Date('2026-11-22T12:00:00Z'),
      onError: (error, one) => this.told.push({ message: (error as Error).message, id: one?.id }),
    },
  );
  #waiting: (() => void)[] = [];

  get ids(): readonly string[] {
    return this.seen.map((one) => one.id ?? one.type);
  }

  get gaps(): readonly AuditEvent[] {
    return this.seen.filter(({ type }) => type === 'trail_gap');
  }

  async goOn(): Promise<void> {
    for (const done of this.#waiting.splice(0)) done();
    await pause(1);
  }
}

describe('openLoneSink', () => {
  let sink: SlowSink;

  beforeEach(() => {
    sink = new SlowSink();
  });

  it('tells of the first event that there is no room for, and of no further one', () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) sink.put(event(id));
    expect(sink.ids).to.deep.equal(['a', 'b']);
    expect(sink.told).to.deep.equal([{ message: 'the sink has no room: events are left out until it has', id: 'c' }]);
  });

  it('tells how many were lost before it takes the next event, and writes so into the sink itself', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) sink.put(event(id));
    await sink.goOn();
    sink.put(event('f'));
    expect(sink.ids).to.deep.equal(['a', 'b', 'trail_gap', 'f']);
    expect(sink.gaps).to.deep.equal([
      {
        v: 1,
        time: '2026-11-22T12:00:00.000Z',
        type: 'trail_gap',
        lost: 3,
        reason: 'sink_full',
        since: '2026-11-22T12:00:00.000Z',
        sink: 1,
      },
    ]);
    expect(sink.told.slice(1)).to.deep.equal([
      { message: 'events left out since 2026-11-22T12:00:00.000Z, when the sink had no room: 3', id: undefined },
    ]);
  });

  it('tells so within a second or two where no further event comes', async () => {
    for (const id of ['a', 'b', 'c']) sink.put(event(id));
    await sink.goOn();
    await pause(1100);
    expect(sink.ids).to.deep.equal(['a', 'b', 'trail_gap']);
    await pause(1100);
    expect(sink.told).to.have.lengthOf(2);
  });

  it('tells seldom of a sink that is full all the time', async () => {
    for (let round = 0; round < 50; round += 1) {
      for (let count = 0; count < 5; count += 1) sink.put(event(`${round}`));
      await sink.goOn();
    }
    expect(sink.told).to.have.lengthOf(3);
    expect(sink.gaps).to.have.lengthOf(1);
  });

  it('tells each failure with its error and its event, and counts none', async () => {
    const told: unknown[] = [];
    const failure = new Error('down');
    const put = openLoneSink(() => Promise.reject(failure), {
      now: () => new Date(),
      onError: (error, one) => told.push([error, one?.id]),
    });
    put(event('a'));
    await pause(1);
    put(event('b'));
    await pause(1);
    expect(told).to.deep.equal([
      [failure, 'a'],
      [failure, 'b'],
    ]);
  });
});
