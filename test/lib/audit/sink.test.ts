import { execFile } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { checkSink, openSink, type AuditLogger } from '../../../lib/audit/sink.js';
import type { AuditEvent, AuditRecord } from '../../../lib/index.js';

const RECORD = { v: 1, type: 'request', id: 'r1', outcome: 'denied' } as unknown as AuditRecord;

/** Lets everything that was waiting for a promise run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Told {
  readonly error: unknown;
  readonly record: AuditEvent | undefined;
}

function collect(): { readonly told: Told[]; readonly onError: (error: unknown, record?: AuditEvent) => void } {
  const told: Told[] = [];
  return { told, onError: (error, record) => told.push({ error, record }) };
}

describe('openSink', () => {
  it('hands a record to a function, at once and as it is', () => {
    const seen: AuditEvent[] = [];
    openSink((record) => seen.push(record)).put(RECORD);
    expect(seen).to.deep.equal([RECORD]);
    expect(seen[0]).to.equal(RECORD);
  });

  it('hands a record to a logger with a constant message', () => {
    const seen: unknown[] = [];
    const logger: AuditLogger = {
      info(...args) {
        seen.push(this === logger, ...args);
      },
    };
    openSink(logger).put(RECORD);
    expect(seen).to.deep.equal([true, 'mcp request denied', RECORD]);
  });

  it('tells what a sink throws, and what its promise rejects with', async () => {
    const failures: readonly unknown[] = [new Error('disk full'), 'text', undefined, null, Object.create(null)];
    for (const failure of failures) {
      const { told, onError } = collect();
      const failing = [
        () => {
          throw failure;
        },
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- and reject with anything
        () => Promise.reject(failure),
      ];
      for (const sink of failing) {
        expect(() => {
          openSink(sink, { onError }).put(RECORD);
        }).to.not.throw();
        await settled();
      }
      expect(told).to.deep.equal([
        { error: failure, record: RECORD },
        { error: failure, record: RECORD },
      ]);
    }
  });

  it('does not wait for a sink that is slow', async () => {
    let release: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const seen: string[] = [];
    const { put } = openSink(async () => {
      await slow;
      seen.push('written');
    });
    put(RECORD);
    put(RECORD);
    seen.push('went on');
    release();
    await settled();
    expect(seen).to.deep.equal(['went on', 'written', 'written']);
  });

  it('has room until as many wait as may, in promises or in the buffer of a logger', async () => {
    let release: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const lost: string[] = [];
    const { put, hasRoom } = openSink(() => slow, { limit: 2, onLost: (reason) => lost.push(reason) });
    const room = [1, 2, 3].map(() => {
      put(RECORD);
      return hasRoom();
    });
    expect({ room, lost }).to.deep.equal({ room: [true, false, false], lost: ['sink_full'] });
    release();
    await settled();
    expect(hasRoom()).to.equal(true);
    const logger = { info: () => undefined, writableLength: 2 };
    expect(openSink(logger, { limit: 2 }).hasRoom()).to.equal(false);
  });

  it('listens to the errors of a logger that emits them to nobody else', async () => {
    const { told, onError } = collect();
    const logger = Object.assign(new EventEmitter(), { info: () => undefined });
    openSink(logger, { onError });
    openSink(logger, { onError });
    logger.emit('error', new Error('no space left'));
    await settled();
    expect(told).to.have.lengthOf(1);
    expect(told[0]).to.deep.include({ record: undefined });
  });

  it('leaves the errors of a logger to those who listen already', () => {
    const { told, onError } = collect();
    const logger = Object.assign(new EventEmitter(), { info: () => undefined }).on('error', () => undefined);
    openSink(logger, { onError });
    logger.emit('error', new Error('no space left'));
    expect(told).to.be.empty;
    expect(logger.listenerCount('error')).to.equal(1);
  });

  it('writes one escaped line on standard error where nothing else is said, or that fails too', async () => {
    const script = `
      const { openSink } = await import(${JSON.stringify(new URL('../../../lib/audit/sink.ts', import.meta.url).href)});
      const record = { id: 'r1', type: 'request' };
      const hostile = () => { throw new Error('a\\nb\\u2028c\\u001b[2J'); };
      openSink(hostile).put(record);
      openSink(hostile, { onError: () => { throw new Error('told badly'); } }).put(record);
      openSink(hostile, { onError: async () => { throw Object.create(null); } }).put(record);
      openSink(hostile, { onError: () => undefined }).put(record);
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const { stderr, stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).to.equal('');
    const lines = stderr.trimEnd().split('\n');
    const parsed = lines.map((line) => JSON.parse(line) as { source: string; request: string; error: string });
    expect(parsed.map(({ source, request }) => `${source} ${request}`)).to.deep.equal(Array(3).fill('mcp-etdi r1'));
    expect(parsed[0]?.error).to.match(/^Error: a\nb\u2028c/);
    expect(parsed[1]?.error).to.match(/^Error: told badly/);
    expect(parsed[2]?.error).to.match(/cannot be printed/);
    for (const line of lines) expect(line).to.match(/^[\x20-\x7e]+$/);
  });
});

describe('checkSink', () => {
  it('allows functions and loggers, and nothing else', () => {
    for (const sink of [() => undefined, { info: () => undefined }, console])
      expect(checkSink(sink)).to.equal(undefined);
    const others: readonly unknown[] = [undefined, null, {}, { info: 'x' }, { write: () => undefined }, 'file.log', []];
    for (const other of others) expect(checkSink(other)).to.match(/^must be a function, or an object with info/);
  });
});
