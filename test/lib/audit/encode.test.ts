import { expect } from 'chai';
import fc from 'fast-check';
import type { AuditRecord } from '../../../lib/audit/record.js';
import { encodeEvent } from '../../../lib/audit/trail/encode.js';
import { canonicalize } from '../../../lib/json/canonical.js';
import { everyEvent } from '../../support/auditEvents.js';

const RECORD: AuditRecord = {
  v: 1,
  time: '2026-11-22T12:00:00.000Z',
  type: 'request',
  id: 'r1',
  outcome: 'allowed',
  durationMs: 1,
  http: { method: 'POST', path: '/mcp', ip: '192.0.2.7' },
  decisions: [],
};

describe('encodeEvent', () => {
  it('gives the RFC 8785 form of every event', () => {
    for (const event of Object.values(everyEvent())) expect(encodeEvent(event)).to.equal(canonicalize(event));
  });

  it('gives the RFC 8785 form of every time', () => {
    const rounded = Array.from({ length: 3000 }, (_, thousandths) => thousandths / 1000);
    const odd = [999_999.999, 1_000_000.001, 1e9 + 0.5, 2 ** 53 - 1, 0.0004, 1.0005, 0.1 + 0.2, 1e-7, -0, -1.5];
    for (const time of [...rounded, ...odd]) {
      const record: AuditRecord = {
        ...RECORD,
        durationMs: time,
        decisions: [{ middleware: 'm', effect: 'allow', ms: time }],
      };
      expect(encodeEvent(record)).to.equal(canonicalize(record));
    }
  });

  it('gives what an event is now, however often it was written before', () => {
    const principal = { issuer: 'https://as.example.com', subject: 'ann', clientId: 'inspector' };
    const access = { required: ['a'], granted: ['a'] };
    const record = { ...RECORD, principal, access };
    for (const subject of ['ann', 'bob']) {
      principal.subject = subject;
      access.granted.push(subject);
      expect(encodeEvent(record)).to.equal(canonicalize(record));
    }
  });

  it('gives the RFC 8785 form of every record of a request', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('"', '\\', '\u007f', '\u{1f600}', ''));
    const list = fc.array(text, { maxLength: 3 });
    const messages = fc.record(
      {
        kind: fc.constant('request'),
        id: fc.oneof(text, fc.integer(), fc.double({ noNaN: true, min: -1e9, max: 1e9 })),
        method: text,
        tool: text,
        prompt: text,
        resource: text,
        arguments: fc.record({ value: fc.dictionary(text, text) }),
      },
      { requiredKeys: ['kind'] },
    );
    const decision = fc.oneof(
      fc.record({ middleware: text, effect: fc.constant('allow'), ms: fc.double({ noNaN: true, min: 0, max: 1e6 }) }),
      fc.record({ middleware: text, effect: fc.constant('deny'), ms: fc.nat(), status: fc.nat(999), code: text }),
    );
    const record = fc.record(
      {
        v: fc.constant(1),
        type: fc.constant('request'),
        time: fc.constant('2026-11-22T12:00:00.000Z'),
        id: text,
        outcome: fc.constantFrom('allowed', 'denied', 'failed', 'aborted'),
        status: fc.nat(999),
        durationMs: fc.double({ noNaN: true, min: 0, max: 1e6 }),
        http: fc.record({ method: text, path: text, ip: text }),
        trace: text,
        principal: fc.record({ issuer: text, subject: text, clientId: text }),
        signature: fc.record({ owner: text, clientId: text, keyId: text }),
        rpc: fc.array(messages, { maxLength: 3 }),
        decisions: fc.array(decision, { maxLength: 3 }),
        access: fc.record({ required: list, granted: list, missing: list }, { requiredKeys: [] }),
        observed: fc.record({ middleware: text, code: text }),
        transaction: text,
        callStack: fc.record({ root: text, depth: fc.nat(10), caller: text, frames: list }),
      },
      { requiredKeys: ['v', 'type', 'time', 'id', 'outcome', 'durationMs', 'http', 'decisions'] },
    );
    fc.assert(
      fc.property(record, (one) => {
        expect(encodeEvent(one)).to.equal(canonicalize(one));
      }),
    );
  });
});
