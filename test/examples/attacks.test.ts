import { expect } from 'chai';
import { ATTACKS } from '../../examples/attacks/attacks.js';
import { silentChange } from '../../examples/attacks/silentChange.js';
import { run } from '../../examples/attacks/support/attack.js';
import { startProgram } from './program.js';

describe('an attack on tools', () => {
  for (const attack of ATTACKS) {
    it(`works against a plain client, and not against a guarded one: ${attack.name}`, async () => {
      for (const { what, expected, got } of await run(attack)) expect(got, what).to.equal(expected);
      expect(attack.unprotected).to.match(/^answered, and the attacker has /);
      expect(attack.guarded).to.match(/^denied [a-z_]+$/);
    });
  }

  it('is reported as it went, not as it was expected', async () => {
    const wrong = async (changes: object): Promise<readonly string[]> =>
      (await run({ ...silentChange, ...changes }))
        .filter(({ expected, got }) => expected !== got)
        .map(({ got }) => got);
    expect(await wrong({})).to.deep.equal([]);
    expect(await wrong({ guarded: 'answered' })).to.deep.equal(['denied definition_changed']);
    expect(await wrong({ unprotected: 'answered' })).to.deep.equal(['answered, and the attacker has the private key']);
    expect(await wrong({ diff: [] })).to.have.lengthOf(1);
    // A server that stays as it was is no attack: both clients are answered.
    const nothing = await wrong({ strike: ({ home }: { home: { url: string } }) => home.url });
    expect(nothing).to.deep.equal(['answered', 'answered', 'nothing']);
  });

  it('runs from the command line, which ends with 0 when every line is right', async () => {
    const program = startProgram('attacks/index.ts');
    expect(await program.end(), program.output()).to.equal(0);
    expect(program.output()).to.match(/\n\d+ lines, 0 not as they should be\n$/);
    expect(program.errors()).to.equal('');
  }).timeout(60_000);
});
