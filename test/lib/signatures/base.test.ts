import { expect } from 'chai';
import { componentValue, signatureBase } from '../../../lib/signatures/base.js';
import { readComponent } from '../../../lib/signatures/component.js';
import { coverageOf } from '../../../lib/signatures/coverage.js';
import { STRUCTURED_FIELDS, type StructuredFields } from '../../../lib/signatures/field.js';
import type { Message } from '../../../lib/signatures/message.js';
import { parseItem } from '../../../lib/signatures/parse.js';
import type { StructuredType } from '../../../lib/signatures/structured.js';
import { reasonOf } from './thrown.js';

const request = {
  method: 'POST',
  target: {
    uri: 'https://mcp.example.com/mcp?a=1',
    scheme: 'https',
    authority: 'mcp.example.com',
    path: '/mcp',
    query: '?a=1',
    requestTarget: '/mcp?a=1',
  },
  headers: { accept: ['application/json', 'text/event-stream'], 'x-empty': [''], 'x-none': [] },
  trailers: { expires: ['Wed, 9 Nov 2022 07:28:00 GMT'] },
} satisfies Message;
const response = { status: 200, headers: { accept: ['of the response'] }, request } satisfies Message;

const value = (message: Message, identifier: string, known: StructuredFields = STRUCTURED_FIELDS): string =>
  componentValue(message, readComponent(parseItem(identifier)), known);

const base = (message: Message, ...identifiers: string[]): string =>
  Buffer.from(signatureBase(message, coverageOf(identifiers), ';created=1')).toString('latin1');

const withField = (lines: string[]): Message => ({ ...request, headers: { 'x-field': lines } });

describe('signature base', () => {
  it('has a line for each component and ends without a line end', () => {
    expect(base(request, '@method', 'accept', 'x-empty')).to.equal(
      '"@method": POST\n"accept": application/json, text/event-stream\n"x-empty": \n' +
        '"@signature-params": ("@method" "accept" "x-empty");created=1',
    );
  });

  it('of nothing is its last line', () => {
    expect(base(request)).to.equal('"@signature-params": ();created=1');
  });

  it('takes each derived component from its part of the request', () => {
    const values: readonly (readonly [string, string])[] = [
      ['@method', 'POST'],
      ['@target-uri', 'https://mcp.example.com/mcp?a=1'],
      ['@authority', 'mcp.example.com'],
      ['@scheme', 'https'],
      ['@request-target', '/mcp?a=1'],
      ['@path', '/mcp'],
      ['@query', '?a=1'],
    ];
    for (const [name, expected] of values) expect(value(request, `"${name}"`), name).to.equal(expected);
    expect(value(request, '"@query-param";name="a"')).to.equal('1');
  });

  it('takes a component from the request that is answered', () => {
    expect(base(response, '@status', 'accept', '"accept";req', '"@method";req')).to.equal(
      '"@status": 200\n"accept": of the response\n"accept";req: application/json, text/event-stream\n' +
        '"@method";req: POST\n"@signature-params": ("@status" "accept" "accept";req "@method";req);created=1',
    );
  });

  it('takes a component from the trailers (RFC 9421 section 2.1.4)', () => {
    expect(value(request, '"expires";tr')).to.equal('Wed, 9 Nov 2022 07:28:00 GMT');
    expect(value(response, '"expires";tr;req')).to.equal('Wed, 9 Nov 2022 07:28:00 GMT');
    expect(reasonOf(() => value(request, '"accept";tr'))).to.equal('component_missing');
    expect(reasonOf(() => value(request, '"expires"'))).to.equal('component_missing');
    expect(reasonOf(() => value(response, '"expires";tr'))).to.equal('component_missing');
  });

  it('cannot have what the message does not have', () => {
    const missing: readonly (readonly [Message, string])[] = [
      [request, '"x-absent"'],
      [request, '"x-none"'],
      [request, '"__proto__"'],
      [request, '"constructor"'],
      [request, '"hasownproperty"'],
      [request, '"@status"'],
      [request, '"accept";req'],
      [request, '"@method";req'],
      [request, '"@query-param";name="b"'],
      [response, '"@method"'],
      [response, '"@target-uri"'],
      [response, '"@path"'],
      [response, '"@query-param";name="a"'],
      [response, '"x-absent";req'],
      [{ status: 200, headers: {} }, '"@method";req'],
    ];
    for (const [message, identifier] of missing) {
      expect(
        reasonOf(() => value(message, identifier)),
        identifier,
      ).to.equal('component_missing');
    }
  });

  it('never finds a derived component among the fields (RFC 9421 section 7.5.1)', () => {
    const forged = { ...response, headers: { '@method': ['GET'], '@status': ['201'] } };
    expect(reasonOf(() => value(forged, '"@method"'))).to.equal('component_missing');
    expect(value(forged, '"@status"')).to.equal('200');
  });

  it('reads own fields only', () => {
    const headers = Object.create({ 'x-inherited': ['yes'] }) as Record<string, string[]>;
    expect(reasonOf(() => value({ ...request, headers }, '"x-inherited"'))).to.equal('component_missing');
  });

  it('strips whitespace around each line and unfolds lines (RFC 9421 section 2.1)', () => {
    const cases: readonly (readonly [string[], string])[] = [
      [[' \t a \t '], 'a'],
      [[' a ', '\tb'], 'a, b'],
      [['', ''], ', '],
      [['   '], ''],
      [['a\r\n b'], 'a b'],
      [['a \t\n\t  b\n c'], 'a b c'],
      [['a\tb'], 'a\tb'],
    ];
    for (const [lines, expected] of cases) expect(value(withField(lines), '"x-field"')).to.equal(expected);
  });

  it('has no value of several lines, and none that is not ASCII', () => {
    const bad = [
      'a\nb',
      'a\rb',
      'a\r\n"@method": GET',
      '\n',
      'a\n',
      '\u00e9',
      '\u010a"@method": GET',
      '\u2028',
      'a\u00a0',
      '\u{1f600}',
    ];
    for (const line of bad) {
      expect(
        reasonOf(() => base(withField([line]), 'x-field')),
        JSON.stringify(line),
      ).to.equal('component_unprintable');
    }
    for (const method of ['POST\n"x": y', 'P\u00d6ST']) {
      expect(reasonOf(() => base({ ...request, method }, '@method'))).to.equal('component_unprintable');
    }
  });

  it('wraps the bytes of each line (RFC 9421 section 2.1.3)', () => {
    expect(value(withField([' a, b ', '\u00e9']), '"x-field";bs')).to.equal(':YSwgYg==:, :6Q==:');
    expect(base(withField(['\u00e9\n']), '"x-field";bs')).to.include('"x-field";bs: :6Qo=:\n');
    expect(reasonOf(() => value(withField(['\u0141']), '"x-field";bs'))).to.equal('component_unprintable');
  });

  it('reserializes fields that are known to be structured, and no others (RFC 9421 section 2.1.1)', () => {
    const as = (type: StructuredType): StructuredFields => new Map([['x-field', type]]);
    const message = withField(['a,  b;x=1', 'c']);
    expect(value(message, '"x-field";sf', as('list'))).to.equal('a, b;x=1, c');
    expect(value(message, '"x-field";sf', as('dictionary'))).to.equal('a, b;x=1, c');
    expect(value(withField([' 1.50; a']), '"x-field";sf', as('item'))).to.equal('1.5;a');
    expect(reasonOf(() => value(message, '"x-field";sf', as('item')))).to.equal('malformed');
    expect(reasonOf(() => value(message, '"x-field";sf'))).to.equal('component_invalid');
    expect(reasonOf(() => value(message, '"x-field";key="a"'))).to.equal('component_invalid');
    expect(reasonOf(() => value(message, '"x-field";key="a"', as('list')))).to.equal('component_invalid');
    expect(value(message, '"x-field";key="b"', as('dictionary'))).to.equal('?1;x=1');
    expect(reasonOf(() => value(message, '"x-field";key="d"', as('dictionary')))).to.equal('component_missing');
    expect(value(message, '"x-field";sf;key="b"', as('dictionary'))).to.equal('?1;x=1');
    expect(reasonOf(() => value(withField(['a=1, a=2']), '"x-field";key="a"', as('dictionary')))).to.equal('malformed');
  });

  it('knows the fields of the standards', () => {
    const headers = { 'content-digest': ['sha-256=:YQ==:,sha-512=:Yg==:'], 'client-cert': [' :YQ==: '] };
    expect(value({ ...request, headers }, '"content-digest";key="sha-512"')).to.equal(':Yg==:');
    expect(value({ ...request, headers }, '"content-digest";sf')).to.equal('sha-256=:YQ==:, sha-512=:Yg==:');
    expect(value({ ...request, headers }, '"client-cert";sf')).to.equal(':YQ==:');
  });

  it('denies to cover more than there can honestly be', () => {
    expect(reasonOf(() => base(withField(['a'.repeat(70_000)]), 'x-field'))).to.equal('too_many');
    // Its line has 12 characters more than the value.
    expect(base(withField(['a'.repeat(65_524)]), 'x-field')).to.have.length.above(65_536);
    expect(reasonOf(() => base(withField(['a'.repeat(65_525)]), 'x-field'))).to.equal('too_many');
  });
});
