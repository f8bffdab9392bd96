import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { paste, startProgram, twoFreePorts, type Program } from './program.js';

const WIRINGS = ['express-server-v2.ts', 'express-sdk-v1.ts', 'koa-server-v2.ts', 'koa-sdk-v1.ts'];
const READY = /One audit record follows for each request:\n\n/;

interface AuditLine {
  readonly type: string;
  readonly outcome: string;
  readonly status: number;
}

/** What a program tells its reader to paste. */
function commandsOf(program: Program): string[] {
  return [...program.output().matchAll(/^ {2}(\S.*)$/gm)].map(([, command = '']) => command);
}

function auditOf(program: Program): AuditLine[] {
  const lines = program.output().split(READY)[1]?.split('\n') ?? [];
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AuditLine);
  return records.filter(({ type }) => type === 'request');
}

describe('the example programs', () => {
  for (const name of WIRINGS) {
    it(`are short: ${name} has less than 60 lines`, () => {
      const source = readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
      expect(source.trimEnd().split('\n')).to.have.lengthOf.below(60);
    });
  }

  it('sign: what start.ts prints for the signing client can be pasted and works', async () => {
    const program = startProgram('start.ts', { PORT: `${await twoFreePorts()}` });
    try {
      await program.says(READY);
      const [token = '', , , , signed = ''] = commandsOf(program);
      expect(await paste(`${token}\n${signed}`)).to.equal('q3.pdf was approved by https://agent.example\n');
    } finally {
      await program.end('SIGTERM');
    }
  }).timeout(60_000);

  for (const name of ['start.ts', ...WIRINGS]) {
    it(`run: what ${name} prints can be pasted and works`, async () => {
      const port = await twoFreePorts();
      const program = startProgram(name, { PORT: `${port}` });
      try {
        await program.says(READY);
        expect(program.output()).to.include(`http://127.0.0.1:${port}/mcp`);
        const [token = '', allowed = '', denied = '', stranger = ''] = commandsOf(program);
        const answer = await paste(`${token}\n${allowed}`);
        expect(answer).to.match(/^HTTP\/1.1 200 OK\r\n/);
        expect(answer).to.include('"text":"Buy milk."');
        expect(await paste(`${token}\n${denied}`)).to.match(/^HTTP\/1.1 403 Forbidden\r\n/);
        expect(await paste(stranger)).to.match(/^HTTP\/1.1 401 Unauthorized\r\n/);
      } finally {
        await program.end('SIGTERM');
      }
      expect(await program.end()).to.equal(0);
      expect(auditOf(program).map(({ outcome, status }) => `${outcome} ${status}`)).to.deep.equal([
        'allowed 200',
        'denied 403',
        'denied 401',
      ]);
      expect(program.errors()).to.equal('');
    }).timeout(60_000);
  }

  it('say in one line that a port is taken, be it the one of the authorization server', async () => {
    const port = await twoFreePorts();
    const blocker = createServer().listen(port + 1, '127.0.0.1');
    await once(blocker, 'listening');
    const programs = [port, port + 1].map((taken) => startProgram('start.ts', { PORT: `${taken}` }));
    for (const program of programs) {
      expect(await program.end()).to.equal(1);
      expect(program.output()).to.equal('');
      expect(program.errors()).to.equal(`Port ${port + 1} is in use: choose another, as in PORT=4000 npm start\n`);
    }
    blocker.close();
  }).timeout(60_000);

  it('say in one line that PORT is no port', async () => {
    const programs = ['', 'http', '65535'].map((text) => startProgram('start.ts', { PORT: text }));
    for (const program of programs) {
      expect(await program.end()).to.equal(1);
      expect(program.output()).to.equal('');
      expect(program.errors()).to.match(/^PORT must be a whole number [^\n]*\n$/);
    }
  }).timeout(60_000);

  it('demonstrate that official clients get in and what must be denied is denied', async () => {
    const program = startProgram('demo.ts');
    expect(await program.end(), program.output()).to.equal(0);
    const lines = program.output().trimEnd().split('\n');
    expect(lines.at(-1)).to.match(/^2\d\d lines, 0 not as they should be$/);
    expect(lines.filter((line) => line.startsWith('ok '))).to.have.lengthOf(Number.parseInt(lines.at(-1) ?? '', 10));
    expect(program.errors()).to.equal('');
  }).timeout(60_000);
});
