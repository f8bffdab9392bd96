import { hash } from 'node:crypto';
import { expect } from 'chai';
import {
  DEFINITION,
  definitionOf,
  digestOfTool,
  formOfResult,
  isVersion,
  SIGNATURES,
  statedBy,
} from '../../../lib/definitions/form.js';
import { JsonError } from '../../../lib/json/strict.js';
import { definition, publishing, reordered, sampleTool, signed, withSignatures } from './support.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('the form of a definition', () => {
  it('is the whole tool in canonical form, without its signatures', () => {
    const tool = { name: 'b', _meta: { [SIGNATURES]: ['x'], z: 1.0, [DEFINITION]: { version: '1.0.0' } }, a: '\u20ac' };
    const text = `{"_meta":{"${DEFINITION}":{"version":"1.0.0"},"z":1},"a":"\u20ac","name":"b"}`;
    expect(definitionOf(tool)).to.equal(text);
    expect(digestOfTool(tool)).to.equal(`sha256:${hash('sha256', text, 'hex')}`);
  });

  it('keeps an empty _meta, and signatures that stand elsewhere', () => {
    expect(definitionOf({ name: 'a', _meta: { [SIGNATURES]: [] } })).to.equal('{"_meta":{},"name":"a"}');
    const elsewhere = { name: 'a', [SIGNATURES]: [], annotations: { [SIGNATURES]: [] } };
    expect(definitionOf(elsewhere)).to.include(`"${SIGNATURES}":[]`).and.include('annotations');
  });

  it('does not change with the signatures, nor with the order of members', async () => {
    const tool = sampleTool();
    const digest = digestOfTool(tool);
    expect(digestOfTool(await signed(tool, await publishing()))).to.equal(digest);
    expect(digestOfTool(withSignatures(tool, 'anything'))).to.equal(digest);
    expect(digestOfTool(reordered(tool) as typeof tool)).to.equal(digest);
  });

  it('covers a member named __proto__', () => {
    const [one, other] = ['1', '2'].map((n) => JSON.parse(`{"name":"a","__proto__":{"x":${n}},"_meta":{}}`) as object);
    expect(definitionOf({ ...one })).to.include('"__proto__":{"x":1}');
    expect(digestOfTool({ ...one })).to.not.equal(digestOfTool({ ...other }));
  });

  for (const [what, value] of [
    ['an integer that loses digits', 2 ** 53],
    ['half of a character', '\ud800'],
    ['a value that JSON does not have', undefined],
  ] as const) {
    it(`does not exist for a tool with ${what}`, () => {
      expect(() => digestOfTool({ ...sampleTool(), value })).to.throw(JsonError);
    });
  }

  it('is told from the result alone', () => {
    expect(formOfResult({ tools: [] })).to.equal('legacy');
    expect(formOfResult({ tools: [], resultType: 'complete' })).to.equal('modern');
  });
});

describe('what a tool states about itself', () => {
  it('is read where it is complete', () => {
    const full = definition({ requireSignature: true, codeDigest: DIGEST });
    expect(statedBy(sampleTool(full))).to.deep.equal(full);
    expect(statedBy(sampleTool({ ...full, later: { more: true } }))).to.deep.include(full);
  });

  for (const [what, stated] of [
    ['nothing', null],
    ['a list', [definition()]],
    ['no version', { ...definition(), version: undefined }],
    ['a version that is none', { ...definition(), version: '1.2' }],
    ['a number as version', { ...definition(), version: 1 }],
    ['an empty server', { ...definition(), server: '' }],
    ['no publisher', { ...definition(), publisher: undefined }],
    ['permissions that are no list', { ...definition(), permissions: 'file:read' }],
    ['a permission that is no text', { ...definition(), permissions: [1] }],
    ['an empty permission', { ...definition(), permissions: [''] }],
    ['a text for requireSignature', { ...definition(), requireSignature: 'true' }],
    ['a text for callStack', { ...definition(), callStack: 'none' }],
    ['a short codeDigest', { ...definition(), codeDigest: 'sha256:abc' }],
    ['an upper-case codeDigest', { ...definition(), codeDigest: `sha256:${'A'.repeat(64)}` }],
  ] as const) {
    it(`is not read where it is ${what}`, () => {
      expect(statedBy(sampleTool(stated))).to.equal(undefined);
    });
  }

  it('is not read from a prototype or a _meta that is no object', () => {
    const meta = { [DEFINITION]: definition() };
    expect(statedBy(Object.create({ _meta: meta }) as Record<string, unknown>)).to.equal(undefined);
    expect(statedBy({ name: 'a', _meta: [meta] })).to.equal(undefined);
    expect(statedBy({ name: 'a' })).to.equal(undefined);
  });

  it('knows versions', () => {
    for (const version of ['0.0.1', '1.2.3-rc.1', '1.2.3+build.5']) expect(isVersion(version)).to.equal(true);
    for (const version of ['1', '1.2', 'v1.2.3', '1.2.3 ', '1.2.3-', '', 1]) expect(isVersion(version)).to.equal(false);
  });
});
