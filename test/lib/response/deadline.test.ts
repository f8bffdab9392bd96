import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { endAt } from '../../../lib/response/deadline.js';

describe('endAt', () => {
  const response = (): ServerResponse => new EventEmitter() as unknown as ServerResponse;
  const at = (time: () => number) => (): Date => new Date(time());

  it('ends at once when the time is over, or is no time', () => {
    for (const time of [99, 100, -Infinity, NaN]) {
      let ended = 0;
      endAt(
        response(),
        time,
        at(() => 100),
        () => (ended += 1),
      );
      expect(ended, String(time)).to.equal(1);
    }
  });

  it('ends once, when the clock says so', async () => {
    let time = 100;
    let ended = 0;
    await new Promise<void>((resolve) => {
      endAt(
        response(),
        103,
        at(() => (time += 1)),
        () => {
          ended += 1;
          resolve();
        },
      );
      expect(ended).to.equal(0);
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended).to.equal(1);
  });

  it('does not end a response that was closed before', async () => {
    const res = response();
    let ended = 0;
    endAt(res, Date.now() + 10, at(Date.now), () => (ended += 1));
    res.emit('close');
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(ended).to.equal(0);
    expect(res.listenerCount('close')).to.equal(0);
  });

  it('waits for times that no timer can count, without asking the clock all the while', async () => {
    const res = response();
    let asked = 0;
    let ended = 0;
    const now = at(() => {
      asked += 1;
      return Date.now();
    });
    endAt(res, Date.now() + 2 ** 40, now, () => (ended += 1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([asked, ended]).to.deep.equal([1, 0]);
    res.emit('close');
  });
});
