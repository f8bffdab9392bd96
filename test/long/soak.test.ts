import { expect } from 'chai';
import { musts } from '../../soak/report.js';
import { soak } from '../../soak/soak.js';
import { hasRedis } from '../support/redis.js';

describe('a server under load, while one thing after the other fails', function () {
  this.timeout(120_000);

  it('allows nobody wrongly, denies nobody but with 503 while something is down, and records all of it', async function () {
    if (!hasRedis()) this.skip();
    const report = await soak({ seconds: 10, rate: 100, say: () => undefined });
    expect(
      musts(report).filter(({ value }) => value > 0),
      report.tally.wrong.join('\n'),
    ).to.deep.equal([]);
    const { tally, faults, trail, warm, end } = report;
    expect(tally.total('right', 'good')).to.be.greaterThan(100);
    expect(tally.total('right', 'bad')).to.be.greaterThan(100);
    expect(tally.total('right', 'hostile')).to.be.greaterThan(50);
    expect(tally.total('unavailable'), 'the outages are felt').to.be.greaterThan(50);
    expect(faults.windows.map(({ name }) => name)).to.deep.equal([
      'Redis is killed',
      'the audit disk is full',
      'the authorization server is away',
      'Redis stalls',
    ]);
    expect(faults.happened).to.have.lengthOf(5);
    expect(trail.records).to.be.greaterThan(1000);
    expect([warm, end]).to.not.include(undefined);
  });
});
