import { expect } from 'chai';
import { startProgram } from './program.js';

/** Every code with which a call chain, or a call on account of one, is denied in the example. */
const CODES = [
  'arguments_mismatch',
  'audience_mismatch',
  'call_circular',
  'call_depth_exceeded',
  'callee_blocked',
  'callee_denied',
  'caller_blocked',
  'caller_denied',
  'chain_broken',
  'chain_invalid',
  'chain_malformed',
  'chain_missing',
  'chain_replayed',
  'chain_stale',
  'chain_untrusted',
  'fanout_exceeded',
  'possession_unproven',
  'privilege_escalated',
  'root_denied',
  'scope_insufficient',
  'token_forwarded',
  'token_invalid',
  'tool_mismatch',
];

describe('three servers whose tools call each other', function () {
  this.timeout(120_000);

  it('let the calls through that all agree to, and deny every attack with its code', async () => {
    const program = startProgram('call-chain/index.ts');
    // The end is not seen before the last of its processes is gone, which all write to the same place.
    expect(await program.end(), program.output()).to.equal(0);
    expect(program.errors()).to.equal('');
    expect(program.output()).to.match(/\n\d+ lines, 0 not as they should be\n$/);
    expect(program.output()).to.match(/^ok .* Buy milk\. +Buy milk\.$/m);
    const denied = [...program.output().matchAll(/denied (\w+)$/gm)].map(([, code]) => code);
    expect([...new Set(denied)].sort()).to.deep.equal(CODES);
    // An attack says nothing unless the honest call beside it is allowed.
    for (const line of ['calls within all rules', 'an honest chain', 'a chain, for the first time']) {
      expect(program.output()).to.match(new RegExp(`^ok +${line} `, 'm'));
    }
  });

  it('end with the program that started them, however that ends', async () => {
    const program = startProgram('call-chain/index.ts');
    await program.says(/^audit runs on http/m);
    expect(await program.end('SIGKILL')).to.equal(null);
  });
});
