import { expect } from 'chai';
import fc from 'fast-check';
import { CATALOGUE } from '../../../../lib/audit/formats/catalogue.js';
import { AUDIT_FORMATS, formatEvent, type Seal } from '../../../../lib/audit/formats/index.js';
import type { AuditEvent } from '../../../../lib/audit/events.js';
import { escapeText } from '../../../../lib/text.js';
import { everyEvent } from '../../../support/auditEvents.js';

const SEAL: Seal = {
  hash: 'ab'.repeat(32),
  prev: '0'.repeat(64),
  chain: '5b0f1c9e-6b0c-4a33-9f3a-7e9f3c0c9f11',
  seq: 3,
};

/** Facts that formats say by numbers or words of their own. */
const UNTOLD = new Set(['request', 'allowed', 'allow', 'tools/call']);

/** The names of all members, with their places. Of native events the arguments of a tool are left out: they are free. */
function shapeOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const names = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value);
  if (path.endsWith('.value')) return [path];
  return names.flatMap((name) => shapeOf((value as Record<string, unknown>)[name], `${path}.${name}`));
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'class_uid',
    'event.kind',
    '","x":"',
    '\n{"class_uid":1}',
    '\u2028',
    '\u202e',
    '|=\\',
  ),
);

describe('formatEvent', () => {
  it('leaves a native event as it is, and puts it in its place of the trail', () => {
    const { request } = everyEvent();
    expect(formatEvent('native', request)).to.equal(request);
    const { hash, ...place } = SEAL;
    expect(formatEvent('native', request, SEAL)).to.deep.equal({ hash, record: { ...place, event: request } });
  });

  it('says in one constant sentence what each event is', () => {
    const texts = Object.values(CATALOGUE).map(({ text }) => text);
    expect(new Set(texts).size).to.equal(texts.length);
    for (const event of Object.values(everyEvent({ text: 'mallory', name: 'mallory' }))) {
      for (const format of ['ocsf', 'ecs'] as const) {
        expect(formatEvent(format, event)).to.have.property('message', CATALOGUE[event.type].text);
      }
    }
  });

  it('gives the arguments of calls in one form: a list, with an element for each call', () => {
    const content = { keys: ['path'], masked: 1 };
    const { call_started: started, request } = everyEvent();
    const message = { kind: 'request', id: 1, method: 'tools/call', tool: 'read', arguments: content } as const;
    for (const event of [
      { ...started, arguments: content },
      { ...request, rpc: [message] },
    ]) {
      const text = JSON.stringify([content]);
      expect(formatEvent('ocsf', event)).to.have.nested.property('api.request.data', text);
      expect(formatEvent('ecs', event)).to.have.nested.property('labels.arguments', text);
    }
  });

  it('tells which tools called each other, and what would have been denied', () => {
    const { request, call_stack_proven: proven, call_sent: sent } = everyEvent();
    const frames = ['https://a.example/mcp#ann', 'https://mcp.example.com/mcp#report'];
    const calls = { root: 'https://agent.example.com', caller: frames[0], frames };
    const observed = { observed_middleware: 'verifySignature', observed_code: 'signature_required' };
    expect(formatEvent('ocsf', request))
      .to.have.property('unmapped')
      .that.deep.includes({ ...calls, ...observed, depth: 2 });
    expect(formatEvent('ecs', request))
      .to.have.property('labels')
      .that.deep.includes({ ...calls, ...observed, depth: '2' });
    const one = { caller: '@root', frames: ['https://a.example/mcp#report'] };
    expect(formatEvent('ocsf', proven)).to.have.property('unmapped').that.deep.includes(one);
    expect(formatEvent('ecs', proven)).to.have.property('labels').that.deep.includes(one);
    for (const [format, place] of [
      ['ocsf', 'unmapped'],
      ['ecs', 'labels'],
    ] as const) {
      expect(formatEvent(format, sent)).to.have.nested.property(`${place}.caller`, 'https://a.example/mcp#report');
    }
  });

  for (const format of ['ocsf', 'ecs'] as const) {
    it(`leaves no fact of a request out of ${format}`, () => {
      const request = JSON.stringify(everyEvent().request);
      const text = JSON.stringify(formatEvent(format, JSON.parse(request) as AuditEvent)).replaceAll('\\', '');
      for (const [, fact = ''] of request.matchAll(/:"([^"]+)"/g)) {
        if (!UNTOLD.has(fact)) expect(text).to.include(fact);
      }
    });
  }

  for (const format of AUDIT_FORMATS) {
    it(`lets no text of a client change the structure of ${format}`, () => {
      const plain = everyEvent();
      fc.assert(
        fc.property(hostile, hostile, fc.boolean(), (text, name, sealed) => {
          const events = everyEvent({ text: escapeText(text), name: escapeText(name) });
          for (const [type, event] of Object.entries(events)) {
            const seal = sealed ? SEAL : undefined;
            const value = formatEvent(format, event, seal);
            const line = JSON.stringify(value);
            expect(line).not.to.match(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
            expect(JSON.parse(line)).to.deep.equal(value);
            const same = formatEvent(format, plain[type as keyof typeof plain], seal);
            expect(shapeOf(value)).to.deep.equal(shapeOf(same), type);
          }
        }),
        { numRuns: 60 },
      );
    });
  }
});
