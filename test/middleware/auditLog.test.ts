import { expect } from 'chai';
import {
  auditLog,
  type AuditEvent,
  type AuditLogOptions,
  type AuditRecord,
  type RequestContext,
} from '../../lib/index.js';
import { fakeContext } from '../../lib/testing.js';
import type { Auth } from '../../lib/tokens/auth.js';

const AUTH: Auth = {
  issuer: 'https://as.example.com',
  subject: 'ann',
  clientId: 'inspector',
  scopes: ['mcp'],
  roles: [],
  resource: 'https://mcp.example.com/mcp',
  expiresAt: 2_000_000_000,
  token: 'CANARY',
  claims: { email: 'CANARY' },
};

function settle(ctx: RequestContext, options: Partial<AuditLogOptions> = {}): readonly AuditRecord[] {
  const records: AuditRecord[] = [];
  const { hooks } = auditLog({ sink: (record) => records.push(record as AuditRecord), ...options });
  hooks?.settled?.(ctx, { status: 200, ms: 2, aborted: false });
  return records;
}

describe('auditLog', () => {
  it('proves nothing and needs nothing', () => {
    const { name, needs, adds, run } = auditLog({ sink: () => undefined });
    expect({ name, needs, adds, proven: run(fakeContext()) }).to.deep.equal({
      name: 'auditLog',
      needs: [],
      adds: [],
      proven: {},
    });
  });

  it('writes when a request is over, and not before', async () => {
    const records: AuditRecord[] = [];
    const { run, hooks } = auditLog({ sink: (record) => records.push(record as AuditRecord) });
    const ctx = fakeContext();
    await run(ctx);
    expect(records).to.be.empty;
    hooks?.settled?.(ctx, { status: 200, ms: 2, aborted: false });
    expect(records).to.have.lengthOf(1);
  });

  it('names who was proven to call, and nothing else of the token', () => {
    const [record] = settle(fakeContext({ state: { auth: AUTH } }));
    expect(record?.principal).to.deep.equal({
      issuer: 'https://as.example.com',
      subject: 'ann',
      clientId: 'inspector',
    });
    expect(JSON.stringify(record)).to.not.include('CANARY');
  });

  it('names who signed, and what would have been denied', () => {
    const signature = {
      keyId: 'k',
      algorithm: 'ES256',
      owner: 'https://peer.example.com',
      clientId: 'peer',
      mayRoot: false,
      created: 1,
      expires: 2,
      nonce: 'CANARY',
      components: ['@method'],
    };
    const observed = { middleware: 'verifySignature', code: 'signature_required' };
    const [record] = settle(fakeContext({ state: { signature, observed } }));
    expect(record?.signature).to.deep.equal({ owner: 'https://peer.example.com', clientId: 'peer', keyId: 'k' });
    expect(record?.observed).to.deep.equal(observed);
    expect(JSON.stringify(record)).to.not.include('CANARY');
  });

  it('names what was needed and granted, as the access check proved it', () => {
    const access = { may: () => 'yes' as const, required: ['file:read'], granted: ['file:*'] };
    const [record] = settle(fakeContext({ state: { auth: AUTH, access } }));
    expect(record?.access).to.deep.equal({ required: ['file:read'], granted: ['file:*'] });
  });

  it('takes the time from its clock', () => {
    const [record] = settle(fakeContext(), { now: () => new Date('2026-11-22T23:59:59.999Z') });
    expect(record?.time).to.equal('2026-11-22T23:59:59.999Z');
  });

  it('does not read the body for its record', () => {
    const ctx = fakeContext({ body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });
    const unread = (): never => {
      throw new Error('the body was read');
    };
    const request = Object.defineProperties(Object.create(ctx.request) as RequestContext['request'], {
      body: { value: unread },
      rpc: { value: unread },
    });
    expect(settle({ ...ctx, request })[0]).to.not.have.property('rpc');
  });

  it('tells once that a slow sink is full, and tells that sink what it lost when it has room', async () => {
    let release: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const [seen, told]: [AuditEvent[], string[]] = [[], []];
    const { hooks } = auditLog({
      sink: [
        () => undefined,
        (event) => {
          seen.push(event);
          return slow;
        },
      ],
      onError: (error) => told.push((error as Error).message),
      now: () => new Date('2026-11-22T12:00:00Z'),
    });
    const settle = (): void => {
      hooks?.settled?.(fakeContext(), { status: 200, ms: 2, aborted: false });
    };
    for (let count = 0; count < 10_005; count += 1) settle();
    expect({ seen: seen.length, told }).to.deep.equal({
      seen: 10_000,
      told: ['the sink has no room: events are left out until it has'],
    });
    release();
    await new Promise((resolve) => setImmediate(resolve));
    settle();
    expect(seen.slice(10_000).map(({ type }) => type)).to.deep.equal(['trail_gap', 'request']);
    expect(seen[10_000]).to.include({ lost: 5, reason: 'sink_full', sink: 1, time: '2026-11-22T12:00:00.000Z' });
    expect(told).to.have.lengthOf(2);
  });

  it('is not built from wrong options', () => {
    const sink = (): void => undefined;
    const table: readonly [object, RegExp][] = [
      [{}, /say where events go: 'sink', 'trail', or both/],
      [{ sink: 7 }, /'sink' must be a function, or an object with info\(message, meta\) such as a winston logger/],
      [{ sink: [] }, /'sink' must have at least 1 element/],
      [{ sink: [sink, 7] }, /'sink' \[1\] must be a function/],
      [{ sink: './audit.log' }, /'sink' must be a function/],
      [{ sink: { log: sink } }, /'sink' must be a function/],
      [{ sink: null }, /'sink' must be a function/],
      [{ sink, onError: true }, /'onError' must be a function/],
      [{ sink, now: 0 }, /'now' must be a function/],
      [{ sinks: [sink] }, /unknown option 'sinks'; did you mean 'sink'\?/],
      [{ sink, onFailure: 'deny' }, /'onFailure' takes a 'trail'/],
      [{ sink, onFailure: 'allow' }, /'onFailure' must be one of 'deny', 'continue'/],
      [{ sink, writeAhead: true }, /'writeAhead' takes a 'trail'/],
      [{ sink, trail: {} }, /'trail' must be what openAuditTrail resolves to/],
      [{ sink, level: 'none' }, /'level' must be one of 'denials', 'requests', 'all'/],
      [{ sink, arguments: 'some' }, /'arguments' must be one of 'none', 'keys', 'digest', 'redacted', 'full'/],
      [{ sink, results: true }, /'results' must be one of/],
      [{ sink, digestKey: new Uint8Array(31) }, /'digestKey' must be a Uint8Array of 32 bytes or more/],
      [{ sink, format: 'cef' }, /'format' must be one of 'native', 'ocsf', 'ecs'/],
    ];
    for (const [wrong, message] of table) {
      expect(() => auditLog(wrong), JSON.stringify(wrong)).to.throw(TypeError, message);
    }
  });
});
