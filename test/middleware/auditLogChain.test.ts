import { createServer } from 'node:http';
import { expect } from 'chai';
import request from 'supertest';
import { auditLog, authenticate, authorizeScopes, defineTools, oidc, type AuditRecord } from '../../lib/index.js';
import { fakeIssuer } from '../../lib/testing.js';
import { AuditRecords } from '../support/auditRecords.js';
import { frameworks } from '../support/frameworks.js';

const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } });

describe('auditLog with authenticate and authorizeScopes', () => {
  const authority = fakeIssuer();
  const { issuer, resource, fetch } = authority;
  const records = new AuditRecords();
  const tools = defineTools({ read_file: { permissions: ['file:read'] }, drop_all: { permissions: ['file:delete'] } });
  const mount = [
    auditLog({ sink: records.sink }),
    authenticate({ issuers: [oidc({ issuer })], resource, fetch }),
    authorizeScopes({ tools, base: ['mcp'] }),
  ];
  const server = createServer(frameworks['Express 5']!([mount], (_req, res) => res.end('{}')));

  /** The record of one call, which leaves no part of the token in it. */
  async function recordOf(tool: string, token: string, status: number): Promise<AuditRecord> {
    const before = records.list.length;
    await request(server).post('/mcp').set('Authorization', `Bearer ${token}`).send(call(tool)).expect(status);
    await records.reach(before + 1);
    const text = JSON.stringify(records.list);
    for (const part of token.split('.')) expect(text).to.not.include(part);
    return records.list.at(-1)!;
  }

  it('says who was allowed to do what, and by which permissions', async () => {
    const token = await authority.token({ sub: 'ann', client_id: 'inspector', scope: 'mcp file:read' });
    const record = await recordOf('read_file', token, 200);
    expect(record.outcome).to.equal('allowed');
    expect(record.principal).to.deep.equal({ issuer, subject: 'ann', clientId: 'inspector' });
    expect(record.access?.required).to.include('file:read');
    expect(record.access?.granted).to.have.members(['mcp', 'file:read']);
    expect(record.access).to.not.have.property('missing');
  });

  it('says what a caller would have needed', async () => {
    const record = await recordOf('drop_all', await authority.token({ scope: 'mcp file:read' }), 403);
    expect(record.outcome).to.equal('denied');
    expect(record.access).to.deep.include({ missing: ['file:delete'] });
    expect(record.access?.required).to.include('file:delete');
    expect(record.access?.granted).to.have.members(['mcp', 'file:read']);
    expect(record.decisions.at(-1)).to.include({ middleware: 'authorizeScopes', code: 'scope_insufficient' });
  });

  it('says which tool nobody defined', async () => {
    const record = await recordOf('__proto__', await authority.token(), 403);
    expect(record.rpc?.[0]?.tool).to.equal('__proto__');
    expect(record.decisions.at(-1)).to.deep.include({ code: 'tool_undefined', detail: { kind: 'tool' } });
  });

  it('says what is wrong with a token, and nothing of what is in it', async () => {
    const record = await recordOf('read_file', await authority.token({ sub: 'mallory', exp: 1 }), 401);
    expect(record)
      .to.include({ outcome: 'denied', status: 401 })
      .and.to.not.have.any.keys('principal', 'rpc', 'access');
    expect(record.decisions.at(-1)).to.deep.include({ code: 'token_invalid', detail: { reason: 'expired' } });
    expect(JSON.stringify(record)).to.not.include('mallory');
  });

  it('says each step of a call at level all, under one id', async () => {
    const all = new AuditRecords();
    const chain = [auditLog({ sink: all.sink, level: 'all', arguments: 'keys' }), ...mount.slice(1)];
    const answer = { jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'fine' }] } };
    const traced = createServer(
      frameworks['Express 5']!([chain], (_req, res) =>
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
      ),
    );
    const token = await authority.token({ sub: 'ann', client_id: 'inspector', scope: 'mcp file:read' });
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const send = (message: object): request.Test =>
      request(traced)
        .post('/mcp')
        .set({ Authorization: `Bearer ${token}`, traceparent: `00-${trace}-b7ad6b7169203331-01` })
        .send(message);
    await send(call('read_file')).expect(200);
    await send({ jsonrpc: '2.0', id: 2, method: 'tools/list' }).expect(200);
    await all.reach(2);
    const calls = all.events.slice(0, 5);
    expect(calls.map(({ type }) => type)).to.deep.equal([
      'authentication_succeeded',
      'authorization_succeeded',
      'call_started',
      'call_succeeded',
      'request',
    ]);
    const principal = { issuer, subject: 'ann', clientId: 'inspector' };
    for (const event of calls) expect(event).to.deep.include({ id: calls[0]?.id, principal });
    expect(calls[1]).to.have.nested.property('access.required').that.includes('file:read');
    expect(calls[4]).to.have.property('trace', trace);
    const [, authorized, , , record] = calls as AuditRecord[];
    expect(record?.rpc).to.be.an('array').that.equals(authorized?.rpc);
    expect(all.events.slice(5).map(({ type }) => type)).to.deep.equal([
      'authentication_succeeded',
      'authorization_succeeded',
      'discovery_requested',
      'request',
    ]);
  });
});
