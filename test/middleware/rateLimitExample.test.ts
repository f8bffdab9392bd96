import { expect } from 'chai';
import { startProgram } from '../examples/program.js';

describe('examples/rate-limit.ts', () => {
  it('limits known callers by tool, and strangers by address', async () => {
    const program = startProgram('rate-limit.ts');
    expect(await program.end(), program.errors()).to.equal(0);
    expect(program.errors()).to.equal('');
    const lines = program.output().trimEnd().split('\n');
    const known = (who: string) => [
      `${who} calls report: 200, "tool:report";r=1;t=...`,
      `${who} calls report: 200, "tool:report";r=0;t=...`,
      `${who} calls report: 429, "tool:report";r=0;t=...`,
      `${who} calls search: 200, "default";r=99;t=...`,
    ];
    expect(lines.slice(0, 8)).to.deep.equal([...known('alice'), ...known('bob')]);
    const strangers = lines.slice(8).map((line) => line.replace(/, .*$/, ''));
    expect(strangers).to.deep.equal([...Array<string>(4).fill('nobody calls search: 401'), 'nobody calls search: 429']);
  }).timeout(60_000);
});
