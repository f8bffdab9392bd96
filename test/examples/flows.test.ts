import { expect } from 'chai';
import { startProgram } from './program.js';

const OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  'client-credentials': [
    'by secret: demo-service through demo-service',
    'by private_key_jwt: demo-robot through demo-robot',
  ],
  'authorization-code': [
    'client v2 auto, signed in: demo-user',
    'client v2 auto, refreshed: demo-user',
    'client v2 auto: 2 tokens, 1 login',
  ],
  sso: ['client v2 auto, server 1: alice', 'client v2 auto, server 2: alice', 'client v2 auto: 2 tokens, 1 login'],
};

describe('the flow examples', () => {
  for (const [name, lines] of Object.entries(OUTPUTS)) {
    it(`run and end: ${name}`, async () => {
      const program = startProgram(`flows/${name}.ts`);
      expect(await program.end(), program.errors()).to.equal(0);
      expect(program.output()).to.equal(`${lines.join('\n')}\n`);
      expect(program.errors()).to.equal('');
    }).timeout(60_000);
  }
});
