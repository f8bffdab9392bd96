import { expect } from 'chai';
import fc from 'fast-check';
import { CATALOGUE } from '../../../../lib/audit/formats/catalogue.js';
import { AUDIT_FORMATS, formatEvent, type Seal } from '../../../../lib/audit/formats/index.js';
import { escapeText } from '../../../../lib/text.js';
import { everyEvent } from '../../../support/auditEvents.js';

const SEAL: Seal = {
  hash: 'ab'.repeat(32),
  prev: '0'.repeat(64),
  chain: '5b0f1c9e-6b0c-4a33-9f3a-7e9f3c0c9f11',
  seq: 3,
};

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
