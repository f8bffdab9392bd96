import { expect } from 'chai';
import { startProgram } from './program.js';

describe('examples/call-stack.ts', () => {
  it('lets a tool call another where both agree, and nobody else', async () => {
    const program = startProgram('call-stack.ts');
    expect(await program.end(), program.errors()).to.equal(0);
    expect(program.errors()).to.equal('');
    expect(program.output().trimEnd().split('\n')).to.deep.equal([
      'alice calls report: 200, q3.pdf for alice by report > read',
      'alice calls isolated: 200, The tool has no leave to call this one',
      'alice calls read: 403, caller_denied',
      'reports calls read: 403, chain_missing',
    ]);
  }).timeout(60_000);
});
