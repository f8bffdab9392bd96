import { expect } from 'chai';
import fc from 'fast-check';
import { entryOf, isNotable } from '../../../../lib/audit/report/entry.js';
import { rowsOf, type CallRow } from '../../../../lib/audit/report/callers.js';
import { sumOf } from '../../../../lib/audit/report/outcomes.js';
import { Tally } from '../../../../lib/audit/report/tally.js';
import { everyEvent, everyOutcome } from '../../../support/auditEvents.js';

describe('entryOf', () => {
  it('reads who asked for what, and why it was denied', () => {
    const entry = entryOf(everyEvent().authorization_failed);
    expect(entry).to.deep.include({
      type: 'authorization_failed',
      caller: 'ann',
      issuer: 'https://as.example.com',
      ip: '192.0.2.7',
      code: 'scope_insufficient',
      targets: [{ kind: 'tool', name: 'report' }],
      missing: ['file:delete'],
    });
    expect(entryOf(everyOutcome()[1])).to.deep.include({ outcome: 'denied', code: 'role_insufficient' });
  });

  it('names a caller by its signature where there is no token, and nobody where nothing is proven', () => {
    const { principal: _principal, ...signed } = everyEvent().request as unknown as Record<string, unknown>;
    expect(entryOf(signed).caller).to.equal('https://agent.example.com');
    const { signature: _signature, ...unproven } = signed;
    expect(entryOf(unproven).caller).to.equal('');
  });

  it('reads anything without failing', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.dictionary(
          fc.constantFrom('type', 'time', 'rpc', 'decisions', 'http', 'principal', 'access', 'tool', 'status'),
          fc.anything(),
        ),
        (value, event) => {
          expect(entryOf(value).type).to.be.a('string');
          expect(entryOf({ type: 'request', outcome: 'denied', ...event }).targets).to.be.an('array');
        },
      ),
    );
  });

  it('points out violations, revoked keys, lost events and what it does not know, and nothing else', () => {
    const types = Object.entries(everyEvent()).filter(([, event]) => isNotable(entryOf(event)));
    expect(types.map(([type]) => type)).to.have.members([
      ...['signature_failed', 'replay_detected', 'header_mismatched', 'call_chain_violated', 'session_denied'],
      ...['origin_denied', 'definition_denied', 'dependency_failed', 'check_failed', 'definition_changed'],
      ...[
        'definition_pinned',
        'tool_missing',
        'definition_unsignable',
        'tool_undefined',
        'definition_refused',
        'key_revoked',
        'key_upkeep_failed',
      ],
      ...['configuration_changed', 'trail_recovered', 'trail_gap'],
    ]);
    expect(isNotable(entryOf({ type: 'forged' }))).to.equal(true);
  });
});

describe('Tally', () => {
  it('counts every record once, every request once, and every message of a request', () => {
    const tally = new Tally();
    for (const event of [...Object.values(everyEvent()), ...everyOutcome()]) tally.add(event);
    const count = Object.keys(everyEvent()).length + everyOutcome().length;
    expect(tally.records).to.equal(count);
    expect(tally.types.entries().reduce((sum, [, row]) => sum + row.count, 0)).to.equal(count);
    expect(tally.requests).to.deep.equal({ allowed: 3, denied: 1, retried: 0, failed: 1, aborted: 1 });
    expect(callsOf(tally).reduce((sum, { outcomes }) => sum + sumOf(outcomes), 0)).to.equal(6);
    expect(tally.denials.count).to.equal(1);
  });

  it('counts a batch once as a request, and once for each of its messages', () => {
    const tally = new Tally();
    const message = { kind: 'request', id: 1, method: 'tools/call', tool: 'a' };
    tally.add({ ...everyEvent().request, rpc: [message, message, { ...message, tool: 'b' }] });
    expect(sumOf(tally.requests)).to.equal(1);
    const rows = callsOf(tally).map(({ target, outcomes }) => [target?.name, outcomes.allowed]);
    expect(rows).to.deep.equal([
      ['a', 2],
      ['b', 1],
    ]);
  });

  it('keeps callers of the same name apart by who vouches for them', () => {
    const tally = new Tally();
    const { request } = everyEvent();
    tally.add(request);
    tally.add({ ...request, principal: { issuer: 'https://other.example', subject: 'ann', clientId: 'ann' } });
    expect(tally.callers.list().length).to.equal(2);
  });

  it('keeps a bounded number of names of each caller, and counts what comes then together', () => {
    const tally = new Tally();
    const { request } = everyEvent();
    const call = (tool: string, outcome: string, subject = 'ann'): void => {
      const principal = { issuer: 'https://as.example.com', subject, clientId: subject };
      tally.add({ ...request, principal, outcome, rpc: [{ kind: 'request', id: 1, method: 'tools/call', tool }] });
    };
    for (let index = 0; index < 50; index += 1) call(`refused-${index}`, 'denied');
    for (let index = 0; index < 50; index += 1) call(`taken-${index}`, 'allowed');
    call('refused-0', 'allowed');
    call('other', 'denied', 'bob');
    const [ann, bob] = tally.callers.list();
    const names = ann!.calls.entries().map(([, { target }]) => target!.name.split('-')[0]);
    expect([names.filter((one) => one === 'refused').length, names.length]).to.deep.equal([20, 40]);
    expect(ann!.calls.rest!.outcomes).to.include({ denied: 30, allowed: 30 });
    expect(bob!.calls.entries().length).to.equal(1);
  });

  it('keeps a bounded number of callers, and counts those that come then together', () => {
    const tally = new Tally();
    const { request } = everyEvent();
    for (let index = 0; index < 2010; index += 1) {
      tally.add({ ...request, principal: { issuer: 'https://as.example.com', subject: `s${index}`, clientId: 'c' } });
    }
    expect(tally.callers.list().length).to.equal(2000);
    expect(sumOf(rowsOf(tally.callers.rest!)[0]!.outcomes)).to.equal(10);
  });
});

function callsOf(tally: Tally): readonly CallRow[] {
  return tally.callers.list().flatMap(rowsOf);
}
