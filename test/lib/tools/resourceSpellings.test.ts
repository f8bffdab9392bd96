import { expect } from 'chai';
import fc from 'fast-check';
import { readResourcePolicies } from '../../../lib/tools/resourcePolicies.js';

type Policies = Readonly<Record<string, readonly string[]>>;

/** The permissions that are needed, or nothing when the URI is unknown. */
function needed(record: Policies, uri: string): readonly string[] | undefined {
  const rules = readResourcePolicies('resources', record).of(uri);
  return rules.length === 0 ? undefined : rules.flatMap(({ policy }) => policy.permissions);
}

/** The URIs that may be used without the permission `secret`. */
function bypassing(record: Policies, uris: readonly string[]): readonly string[] {
  return uris.filter((uri) => needed(record, uri)?.includes('secret') === false);
}

const DOCS: Policies = {
  'file:///d/secret.txt': ['secret'],
  'file:///d/s%C3%A9cret.txt': ['secret'],
  'file:///d/a%28b.txt': ['secret'],
  'file:///d/c(d.txt': ['secret'],
  'file:///d/secret/*': ['secret'],
  'file:///d/x(y)/{name}': ['secret'],
  'file:///d/*': ['read'],
};

describe('a stricter resource policy beside a wider template', () => {
  it('is not bypassed by an escape that nothing needs', () => {
    const uris = [
      'file:///d/%73ecret.txt',
      'file:///d/s%65cret.txt',
      'file:///d/secret%2Etxt',
      'file:///d/secret%2etxt',
      'file:///%64/secret.txt',
      'file:///d/%73ecret/in.txt',
      'file:///d/secre%74/in.txt',
    ];
    for (const uri of uris) expect(needed(DOCS, uri), uri).to.be.undefined;
  });

  it('is not bypassed by lower-case hex digits', () => {
    for (const uri of ['file:///d/s%c3%a9cret.txt', 'file:///d/s%C3%a9cret.txt', 'file:///d/a%c3%A9']) {
      expect(needed(DOCS, uri), uri).to.be.undefined;
    }
    expect(needed(DOCS, 'file:///d/s\u00e9cret.txt')).to.deep.equal(['secret']);
  });

  it('is not bypassed by an escaped delimiter, or by one that is not escaped', () => {
    expect(needed(DOCS, 'file:///d/a(b.txt')).to.have.members(['secret', 'read']);
    expect(needed(DOCS, 'file:///d/c%28d.txt')).to.have.members(['secret', 'read']);
    expect(needed(DOCS, 'file:///d/x%28y%29/in.txt')).to.have.members(['secret', 'read']);
    expect(needed(DOCS, 'file:///d/e%28f.txt')).to.deep.equal(['read']);
  });

  it('is not bypassed by a slash at the end', () => {
    const uris = [
      'file:///d/secret.txt/',
      'file:///d/secret/in.txt/',
      'file:///d/x(y)/in.txt/',
      'file:///d/c%28d.txt/',
    ];
    expect(bypassing(DOCS, uris)).to.deep.equal([]);
    expect(needed({ ...DOCS, 'file:///d/e/': ['secret'] }, 'file:///d/e')).to.have.members(['secret', 'read']);
    expect(needed(DOCS, 'file:///d/sub/')).to.deep.equal(['read']);
  });

  it('is not bypassed by letters that a file system takes for the same', () => {
    const uris = [
      'file:///d/SECRET.txt',
      'file:///d/S%C3%89cret.txt',
      'file:///d/se%CC%81cret.txt',
      'file:///d/Secret/in.txt',
      'file:///d/X(y)/in.txt',
    ];
    expect(bypassing(DOCS, uris)).to.deep.equal([]);
  });

  it('is not bypassed by user information, a port or the case of a host', () => {
    const record = {
      'test://secret/*': ['secret'],
      'test://open': ['secret'],
      'test://{host}/*': ['read'],
      'test://*': ['read'],
    };
    const uris = [
      'test://SECRET/in',
      'test://x@secret/in',
      'test://x:y@secret/in',
      'test://@secret/in',
      'test://secret:80/in',
      'test://secret:/in',
      'test://open/',
      'test://x@Open:1/',
    ];
    expect(bypassing(record, uris)).to.deep.equal([]);
    expect(needed(record, 'test://secre%74/in')).to.be.undefined;
    expect(needed(record, 'test://other/in')).to.deep.equal(['read', 'read']);
    const special = { 'https://h.example/secret': ['secret'], 'https://{host}/*': ['read'] };
    const spelled = ['HTTPS://H.Example:443/secret', 'https://%68.example/secret', 'https:h.example/secret/'];
    expect(
      bypassing(special, [...spelled, 'https://x@h.example/secret', 'https://h.example:444/secret']),
    ).to.deep.equal([]);
  });

  it('is not bypassed by a query or fragment that a wider template ends in', () => {
    const record = { ...DOCS, 'file:///d/{name}?raw': ['read'], 'file:///d/secret/{name}#x': ['read'] };
    expect(bypassing(record, ['file:///d/secret.txt?raw', 'file:///d/secret/in.txt#x'])).to.deep.equal([]);
    expect(needed(record, 'file:///d/open.txt?raw')).to.deep.equal(['read', 'read']);
  });

  it('is not bypassed by escapes that are no UTF-8, or are none', () => {
    for (const uri of ['file:///d/%FF', 'file:///d/x?%FF', 'file:///d/%C3', 'file:///d/100%', 'file:///d/%E0%80%AF']) {
      expect(needed(DOCS, uri), uri).to.be.undefined;
    }
    for (const key of ['file:///d/%FF', 'file:///d/100%', 'file:///d/%C3{x}', 'file:///d/%73', 'file:///d/%c3%a9']) {
      expect(() => needed({ [key]: [] }, 'x:'), key).to.throw(TypeError, key);
    }
  });

  it('is not bypassed by escapes of escapes and of separators, which stay what they are', () => {
    const record = { ...DOCS, 'file:///d/p%2Fq': ['secret'], 'file:///d/p/q': ['other'], 'file:///d/r%2Fs/{x}': [] };
    expect(needed(record, 'file:///d/p%2Fq')).to.deep.equal(['secret']);
    expect(needed(record, 'file:///d/p/q')).to.deep.equal(['other']);
    const uris = ['file:///d/%2573ecret.txt', 'file:///d/p%252Fq', 'file:///d/secret%2Fin', 'file:///d/r%2Fs/x'];
    for (const uri of uris) expect(needed(record, uri), uri).to.be.undefined;
  });

  it('may be the looser one: another spelling than its own also needs what the template asks for', () => {
    const record = { 'file:///d/open(1)': [], 'file:///d/*': ['read'] };
    expect(needed(record, 'file:///d/open(1)')).to.deep.equal([]);
    for (const uri of ['file:///d/open%281%29', 'file:///d/OPEN(1)', 'file:///d/open(1)/']) {
      expect(needed(record, uri), uri).to.deep.equal(['read']);
    }
  });

  it('is not bypassed by a character that joins its neighbour when it is composed', () => {
    expect(needed({ 'file:///d/e{x}': ['secret'], 'file:///d/*': ['read'] }, 'file:///d/e%CC%81x')).to.be.undefined;
  });

  it('gives rules the variables decoded, without the slash at the end', () => {
    const { of } = readResourcePolicies('resources', { 'test://h/{+path}': [] });
    const uris = ['test://h/s%C3%A9c(r%3F', 'test://h/s%C3%A9c%28r%3F', 'test://h/s\u00e9c(r%3F/'];
    for (const uri of uris) expect(of(uri)[0]?.variables, uri).to.deep.equal({ path: 's\u00e9c(r?' });
    expect(of('test://h/A/b')[0]?.variables).to.deep.equal({ path: 'A/b' });
  });
});

describe('the spelling of a resource URI', () => {
  it('escapes no character that RFC 3986 section 2.3 leaves as it is, and no other character is unknown for its escape', () => {
    const unreserved = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~';
    const treacherous = '%/\\\u007f';
    for (let code = 0x20; code < 0x80; code++) {
      const one = String.fromCharCode(code);
      const escape = `%${code.toString(16).toUpperCase()}`;
      const known = needed({ 'x:/*': [] }, `x:/a${escape}`) !== undefined;
      expect(known, escape).to.equal(!unreserved.includes(one) && !treacherous.includes(one));
    }
  });

  const character = fc.constantFrom('a', 'b', 'S', '.', '-', '(', ')', '@', '+', ';', '\u00e9', '\u20ac');
  const segment = fc.string({ unit: character, minLength: 1, maxLength: 3 }).filter((text) => !/^\.+$/.test(text));
  const base = fc.constantFrom('file:///d/', 'test://h/', 'https://h.example/');
  const places = fc.tuple(base, fc.array(segment, { minLength: 1, maxLength: 3 }));

  /** As `URL` writes it: nothing is escaped but what must be. */
  const plain = (start: string, path: readonly string[]): string => new URL(start + path.join('/')).toString();

  const escaped = (text: string): string =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');

  /** Any other way of writing it, one choice for each character. */
  function respelled(start: string, path: readonly string[], choices: readonly number[]): string {
    let index = 0;
    const choice = (): number => choices[index++ % choices.length] ?? 0;
    const spell = (one: string): string =>
      [one, one, escaped(one), escaped(one).toLowerCase(), one.toUpperCase(), one.normalize('NFD')][choice()] ?? one;
    const segments = path.map((text) => (choice() === 5 ? 'x/../' : '') + Array.from(text, spell).join(''));
    const host = choice() === 4 ? start.toUpperCase() : start;
    return host + segments.join('/') + (choice() === 5 ? '/' : '');
  }

  /** Policies that are likely to be about the place: its URI, what is above it, and its parts as variables. */
  function policiesAbout(start: string, path: readonly string[], picks: number): Policies {
    const above = path.slice(0, -1);
    const keys = [
      plain(start, path),
      `${start}*`,
      `${start}${path.map((_, index) => `{v${index}}`).join('/')}`,
      `${[start.slice(0, -1), ...above.map((one) => plain(start, [one]).slice(start.length))].join('/')}/*`,
      `${plain(start, path).slice(0, -1)}{rest}`,
    ];
    const usable = keys.filter((key, index) => (picks & (1 << index)) !== 0 && !/%[0-9A-F]?\{|%..%..\{/.test(key));
    return Object.fromEntries(usable.map((key, index) => [key, [`p${index}`]]));
  }

  it('never gets more than the plain one', () => {
    let found = 0;
    fc.assert(
      fc.property(
        places,
        fc.integer({ min: 1, max: 31 }),
        fc.array(fc.nat(5), { minLength: 1, maxLength: 20 }),
        ([start, path], picks, choices) => {
          const record = policiesAbout(start, path, picks);
          const most = needed(record, plain(start, path));
          const other = needed(record, respelled(start, path, choices));
          if (other === undefined) return;
          found++;
          expect(other).to.include.members([...(most ?? ['unknown'])]);
        },
      ),
      { numRuns: 2000 },
    );
    expect(found).to.be.above(300);
  });

  it('never gets more than the one that its own policy is written in', () => {
    let found = 0;
    fc.assert(
      fc.property(
        places,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
        fc.nat(8),
        ([start, path], escapes, shift) => {
          let index = 0;
          const spell = (offset: number): string =>
            plain(
              start,
              path.map((text) =>
                text.replace(/[()@+;]/g, (one) =>
                  escapes[(index++ + offset) % escapes.length] === true ? escaped(one) : one,
                ),
              ),
            );
          const written = spell(0);
          const record = { [written]: ['secret'], [`${start}*`]: ['read'] };
          expect(needed(record, written)).to.deep.equal(['secret']);
          const other = spell(shift);
          if (other === written) return;
          found++;
          expect(needed(record, other)).to.have.members(['secret', 'read']);
        },
      ),
      { numRuns: 1000 },
    );
    expect(found).to.be.above(100);
  });
});
