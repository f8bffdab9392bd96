import { expect } from 'chai';
import fc from 'fast-check';
import { readResourcePolicies, type ResourcePolicies } from '../../../lib/tools/resourcePolicies.js';

/** Each policy needs a permission by which the test tells it. */
function policies(record: Record<string, readonly string[]>): ResourcePolicies {
  return readResourcePolicies('resources', record);
}

function found(record: Record<string, readonly string[]>, uri: string): readonly string[] {
  return policies(record)
    .of(uri)
    .flatMap(({ policy }) => policy.permissions);
}

describe('resource policies', () => {
  it('are found by exact URI', () => {
    const record = { 'test://static-text': ['a'], 'file:///etc/motd': ['b'], 'note:inbox': ['c'] };
    expect(found(record, 'test://static-text')).to.deep.equal(['a']);
    expect(found(record, 'file:///etc/motd')).to.deep.equal(['b']);
    expect(found(record, 'note:inbox')).to.deep.equal(['c']);
  });

  it('are found for a URI in any spelling that MCP SDKs take for the same', () => {
    const record = { 'file:///docs/a': ['a'], 'https://files.example/a': ['b'] };
    for (const uri of [
      'FILE:///docs/a',
      'file:/docs/a',
      'file:///docs/x/../a',
      'file:///docs/%2e/a',
      ' file:///docs/a',
    ]) {
      expect(found(record, uri), uri).to.deep.equal(['a']);
    }
    expect(found(record, 'HTTPS://FILES.example:443/a')).to.deep.equal(['b']);
  });

  it('are not found for another URI, however near', () => {
    const record = { 'file:///docs/a': ['a'], 'test://Host/a': ['b'] };
    const uris = [
      'file:///docs/A',
      'file:///docs/a/',
      'file:///docs/a?',
      'file:///docs/a#x',
      'file:///docs/%61',
      'file:///docs/a%00',
      'file:///docs',
      'file://host/docs/a',
      'test://host/a',
      'test://Host//a',
      'docs/a',
      '/docs/a',
      '',
      '__proto__',
      'constructor',
    ];
    for (const uri of uris) expect(found(record, uri), uri).to.deep.equal([]);
  });

  it('of a template are found with its variables, decoded', () => {
    const resources = policies({ 'test://template/{id}/data': ['a'] });
    expect(resources.of('test://template/123/data')[0]?.variables).to.deep.equal({ id: '123' });
    expect(resources.of('test://template/a%20b/data')[0]?.variables).to.deep.equal({ id: 'a b' });
    for (const uri of [
      'test://template//data',
      'test://template/data',
      'test://template/1/2/data',
      'test://template/1/data/',
      'test://template/1/data?x',
      'test://template/1?/data',
      'test://template/1#/data',
      'test://template/1/datax',
      'test://xtemplate/1/data',
      'xtest://template/1/data',
    ]) {
      expect(resources.of(uri), uri).to.deep.equal([]);
    }
  });

  it('take several variables, part of a segment each, and the rest at the end', () => {
    const resources = policies({ 'doc://{shelf}/v{volume}.txt': ['a'], 'git://{repo}/tree/{+path}': ['b'] });
    expect(resources.of('doc://maths/v12.txt')[0]?.variables).to.deep.equal({ shelf: 'maths', volume: '12' });
    expect(resources.of('git://core/tree/lib/a.ts')[0]?.variables).to.deep.equal({ repo: 'core', path: 'lib/a.ts' });
    expect(resources.of('git://core/tree/lib/')[0]?.variables).to.deep.equal({ repo: 'core', path: 'lib' });
    expect(resources.of('doc://maths/v.txt')).to.deep.equal([]);
  });

  it('keep a variable that is named like a member of objects', () => {
    const [first] = policies({ 'test://{__proto__}/{constructor}': [] }).of('test://a/b');
    expect(Object.entries(first?.variables ?? {})).to.deep.equal([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });

  it('of a star reach everything below, and nothing beside it', () => {
    const record = { 'file:///docs/*': ['a'] };
    for (const uri of ['file:///docs/a', 'file:///docs/a/b/c.txt', 'file:///docs/x/../y', 'file:///docs/.hidden']) {
      expect(found(record, uri), uri).to.deep.equal(['a']);
    }
    for (const uri of [
      'file:///docs',
      'file:///docs/',
      'file:///docsx/a',
      'file:///Docs/a',
      'file:///a/docs/b',
      'file://host/docs/a',
    ]) {
      expect(found(record, uri), uri).to.deep.equal([]);
    }
  });

  it('are not looked for when a URI is longer than 8192 characters', () => {
    const record = { 'file:///docs/*': ['a'] };
    expect(found(record, `file:///docs/${'x'.repeat(8179)}`)).to.deep.equal(['a']);
    expect(found(record, `file:///docs/${'x'.repeat(8180)}`)).to.deep.equal([]);
  });

  it('of a star cannot be left by any way of writing a parent directory', () => {
    const record = { 'file:///docs/*': ['a'], 'note:docs/*': ['b'], 'test://host/docs/*': ['c'] };
    const uris = [
      'file:///docs/../secret',
      'file:///docs/a/../../secret',
      'file:///docs/%2e%2e/secret',
      'file:///docs/%2E./secret',
      'file:///docs/..%2fsecret',
      'file:///docs/..%2Fsecret',
      'file:///docs/..%5csecret',
      'file:///docs/a%2f..%2f..%2fsecret',
      'file:///docs/%252e%252e%252fsecret',
      'file:///docs\\..\\secret',
      'file:///docs/..\\secret',
      'file:///docs//etc/passwd',
      'file:///docs/a//b',
      'file:///docs/a%00.txt',
      'file:///docs/a%0a',
      'file:///docs/a?path=../../secret',
      'file:///docs/a#../secret',
      'note:docs/../secret',
      'note:docs/a/..',
      'note:docs/./a',
      'note:docs/..\\secret',
      'test://host/docs/..\\secret',
      'test://host/docs/../secret',
      'test://user@host/docs/a',
    ];
    for (const uri of uris) expect(found(record, uri), uri).to.deep.equal([]);
  });

  it('are all found when several templates match, and only the exact one when there is one', () => {
    const record = {
      'file:///docs/*': ['a'],
      'file:///docs/{name}': ['b'],
      'file:///docs/open': [],
      'file:///d/*': ['c'],
    };
    expect(found(record, 'file:///docs/x')).to.deep.equal(['a', 'b']);
    expect(found(record, 'file:///docs/x/y')).to.deep.equal(['a']);
    expect(found(record, 'file:///docs/open')).to.deep.equal([]);
    expect(policies(record).of('file:///docs/open')).to.have.lengthOf(1);
  });

  it('of a template are found by its text, and only by exactly that', () => {
    const resources = policies({ 'test://template/{id}/data': ['a'], 'test://x': ['b'] });
    expect(resources.ofTemplate('test://template/{id}/data')?.[0]?.policy.permissions).to.deep.equal(['a']);
    for (const text of ['test://template/{ID}/data', 'test://template/{x}/data', 'test://x', '', '__proto__']) {
      expect(resources.ofTemplate(text), text).to.be.undefined;
    }
  });

  it('have keys that are in normal form and not ambiguous', () => {
    const table: readonly (readonly [string, RegExp])[] = [
      ['docs/a', /not an absolute URI/],
      ['', /not an absolute URI/],
      ['*', /not an absolute URI/],
      ['/*', /not an absolute URI/],
      ['{scheme}://x/*', /not an absolute URI/],
      ['FILE:///docs/*', /not an absolute URI/],
      ['file:///docs/../a', /would never match.*'file:\/\/\/a'/],
      ['https://Files.example/a', /would never match.*'https:\/\/files.example\/a'/],
      ['https://files.example', /would never match.*'https:\/\/files.example\/'/],
      ['file:///a b', /would never match/],
      ['file:///a{b', /would never match/],
      ['test://x/{a}{b}', /two variables in one segment/],
      ['test://x/{a}-{b}', /two variables in one segment/],
      ['test://x/{a}/{a}', /names a variable twice/],
      ['test://x/{}', /variable '\{\}'/],
      ['test://x/{a b}', /variable '\{a b\}'/],
      ['test://x{?q}', /variable '\{\?q\}'/],
      ['test://x/{a*}', /variable '\{a\*\}'/],
      ['test://x/{+a}/b', /'\{\+a\}' before its end/],
      ['test://x/a{+a}', /without a slash before it/],
      ['test://x/*/b', /'\*' before its end/],
      ['test://x/a*', /'\*' .*without a slash/],
      ['test://x/**', /'\*'/],
    ];
    for (const [key, text] of table) expect(() => policies({ [key]: [] }), key).to.throw(TypeError, text);
  });

  it('do not lose a key that the literal turned into a prototype', () => {
    expect(() => readResourcePolicies('resources', { __proto__: [] })).to.throw(TypeError, 'plain object');
  });

  it('take no long time over a long URI', () => {
    const resources = policies({ 'test://{a}/x{b}y/{+c}': [], 'test://h/*': [] });
    for (const part of ['a', '/', 'xy', '%41', '{', 'a/']) {
      expect(resources.of(`test://h/x${part.repeat(4000)}\u0000`)).to.be.an('array');
    }
  });

  it('below a star never reach above it, whatever the rest is', () => {
    const resources = policies({ 'file:///docs/*': [], 'test://h/docs/*': [], 'note:docs/*': [] });
    const piece = fc.constantFrom('..', '.', '/', '\\', '%2e', '%2f', '%5c', '%25', 'a', 'docs', '?', '#', '%00', ' ');
    const base = fc.constantFrom('file:///docs/', 'test://h/docs/', 'note:docs/');
    fc.assert(
      fc.property(base, fc.array(piece, { maxLength: 8 }), (start, pieces) => {
        for (const { variables = {} } of resources.of(start + pieces.join(''))) {
          const rest = String(variables['*']);
          expect(rest).to.not.equal('undefined');
          const decoded = decodeURIComponent(decodeURIComponent(rest));
          expect(decoded.split(/[\\/]/)).to.not.include('..');
          expect(decoded).to.match(/^[^/\\]/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
