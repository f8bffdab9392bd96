import { expect } from 'chai';
import { KINDS, picker } from '../../soak/traffic.js';
import { Tally } from '../../soak/tally.js';
import { deny, endure, judge, serve, withhold, type Answer, type Expected, type Worth } from '../../soak/verdict.js';

const forbidden = deny(403, 'tool_undefined');
const outage = { status: 503, code: 'unavailable' };

describe('the verdict on an answer under load', () => {
  const cases: readonly (readonly [string, Expected, Answer, quiet: Worth, down: Worth])[] = [
    ['what must be served is', serve, { status: 200 }, 'right', 'right'],
    ['a session that must end does', serve, { status: 204 }, 'right', 'right'],
    ['what must be served is forbidden', serve, { status: 403 }, 'wrongly denied', 'wrongly denied'],
    ['what must be served is challenged', serve, { status: 401 }, 'wrongly denied', 'wrongly denied'],
    ['what must be served is unavailable', serve, outage, 'wrongly denied', 'unavailable'],
    ['what must be served fails', serve, { status: 500 }, 'wrongly denied', 'wrongly denied'],
    ['what must be served is not answered', serve, { status: undefined }, 'wrongly denied', 'wrongly denied'],
    ['what must be denied is', forbidden, { status: 403, code: 'tool_undefined' }, 'right', 'right'],
    ['what must be denied is served', forbidden, { status: 200 }, 'wrongly allowed', 'wrongly allowed'],
    ['another code', forbidden, { status: 403, code: 'origin_denied' }, 'other reason', 'other reason'],
    ['another status', forbidden, { status: 401, code: 'tool_undefined' }, 'other reason', 'other reason'],
    ['what must be denied is unavailable', forbidden, outage, 'other reason', 'unavailable'],
    ['what must be denied is not answered', forbidden, { status: undefined }, 'other reason', 'other reason'],
    ['what is no HTTP is served', withhold, { status: 200 }, 'wrongly allowed', 'wrongly allowed'],
    ['what is no HTTP is a bad request', withhold, { status: 400 }, 'right', 'right'],
    ['what is no HTTP is not answered', withhold, { status: undefined }, 'right', 'right'],
    ['what is no HTTP makes something fail', withhold, { status: 500 }, 'other reason', 'other reason'],
    ['what is odd is served', endure, { status: 200 }, 'right', 'right'],
    ['what is odd is denied', endure, { status: 403, code: 'chain_malformed' }, 'right', 'right'],
    ['what is odd makes something fail', endure, { status: 500 }, 'other reason', 'other reason'],
    ['what is odd is not answered', endure, { status: undefined }, 'other reason', 'other reason'],
  ];
  for (const [name, expected, answer, quiet, down] of cases) {
    it(`is '${quiet}', and '${down}' while something is down: ${name}`, () => {
      expect([judge(expected, answer, false), judge(expected, answer, true)]).to.deep.equal([quiet, down]);
    });
  }
});

describe('the requests of a soak', () => {
  it('have names of their own, and verdicts that fit their group', () => {
    expect(new Set(KINDS.map(({ name }) => name)).size).to.equal(KINDS.length);
    const effects = (group: string): readonly string[] => [
      ...new Set(KINDS.filter((kind) => kind.group === group).map(({ expected }) => expected.effect)),
    ];
    expect(effects('good')).to.deep.equal(['serve']);
    expect(effects('bad')).to.deep.equal(['deny']);
    expect(effects('hostile')).to.deep.equal(['withhold', 'endure']);
  });

  it('are denied for at least fifteen different reasons', () => {
    const codes = KINDS.flatMap(({ expected }) => (expected.effect === 'deny' ? [expected.code] : []));
    expect(new Set(codes).size).to.be.at.least(15);
  });

  it('are picked as often as their weight says', () => {
    const [one, two] = KINDS;
    const kinds = [
      { ...one!, weight: 3 },
      { ...two!, weight: 1 },
    ];
    let at = -1;
    const next = picker(kinds, () => (at += 1) / 8);
    const picked = Array.from({ length: 8 }, () => next());
    expect(picked.map((kind) => kinds.indexOf(kind))).to.deep.equal([0, 0, 0, 0, 0, 0, 1, 1]);
  });

  it('are counted by what came of them, and what was wrong is shown', () => {
    const [kind] = KINDS;
    const tally = new Tally(KINDS);
    tally.add(kind!, 'right', { status: 200 }, 1);
    tally.add(kind!, 'wrongly denied', { status: 403, code: 'origin_denied' }, 2);
    expect([tally.judged(), tally.total('right'), tally.total('wrongly denied', 'bad')]).to.deep.equal([2, 1, 0]);
    expect(tally.wrong).to.deep.equal([`wrongly denied after 2.0 s: ${kind!.name}: 403 origin_denied`]);
  });
});
