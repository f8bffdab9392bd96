import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { contentOf, safeCopy } from '../../../lib/audit/content.js';
import { canonicalize } from '../../../lib/json/canonical.js';

const BYTES = Buffer.alloc(32, 7);
const KEY = createSecretKey(BYTES);
const ARGUMENTS = { path: '/tmp/a\nb', password: 'hunter2', nested: { token: 't', n: 1 } };

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('contentOf', () => {
  it('records as much as its mode says', () => {
    expect(contentOf(ARGUMENTS, 'none', KEY)).to.equal(undefined);
    expect(contentOf(ARGUMENTS, 'keys', KEY)).to.deep.equal({ keys: ['nested', 'password', 'path'] });
    for (const mode of ['redacted', 'full'] as const) {
      expect(plain(contentOf(ARGUMENTS, mode, KEY))).to.deep.equal({
        masked: 2,
        value: { path: '/tmp/a\\u000ab', password: '[masked]', nested: { token: '[masked]', n: 1 } },
      });
    }
  });

  it('makes a digest that only the holder of the key can try values against', () => {
    const digest = createHmac('sha256', BYTES).update('{"a":1,"b":[{"c":2,"d":3}]}').digest('hex');
    const expected = { digest: `hmac-sha256:${digest}` };
    expect(contentOf({ a: 1, b: [{ c: 2, d: 3 }] }, 'digest', KEY)).to.deep.equal(expected);
    expect(contentOf({ b: [{ d: 3, c: 2 }], a: 1 }, 'digest', KEY)).to.deep.equal(expected);
    expect(contentOf({ a: 2 }, 'digest', KEY)).to.not.deep.equal(expected);
  });

  it('keeps more in mode full than in mode redacted, and no secret in either', () => {
    const long = 'x'.repeat(1000);
    const value = { long, card: '4111 1111 1111 1111', random: 'aB3'.repeat(12) };
    expect(plain(contentOf(value, 'redacted', KEY))).to.deep.equal({
      masked: 3,
      value: { long: `${'x'.repeat(256)}\\...`, card: '[masked]', random: '[masked]' },
    });
    expect(plain(contentOf(value, 'full', KEY))).to.deep.equal({ value });
  });

  it('masks a card that is a number or a name, and no other number', () => {
    const value = { card: 4111111111111111, order: 4111111111111112, '4111111111111111': 1 };
    expect(plain(contentOf(value, 'redacted', KEY))).to.deep.equal({
      masked: 2,
      value: { card: '[masked]', order: 4111111111111112, '[masked]': 1 },
    });
    expect(contentOf(value, 'keys', KEY)).to.deep.equal({ keys: ['[masked]', 'card', 'order'] });
  });

  it('looks at no more of long names in mode keys than of long texts', () => {
    const names = Array.from({ length: 50 }, (_, index) => `${'x'.repeat(20_000)}${index}`);
    const { keys = [] } = contentOf(Object.fromEntries(names.map((name) => [name, 1])), 'keys', KEY) ?? {};
    expect(keys.filter((name) => name.startsWith('xx'))).to.have.lengthOf(2);
    expect(keys.filter((name) => name === '[masked]')).to.have.lengthOf(48);
  });

  it('masks the private members of a JWK, and keeps the public ones', () => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    const { d: _d, ...open } = jwk;
    expect(plain(contentOf(jwk, 'full', KEY))).to.deep.equal({ masked: 1, value: { ...open, d: '[masked]' } });
  });

  describe('of a text that is JSON', () => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    const text = (value: unknown, mode: 'redacted' | 'full' = 'full'): string => {
      const { value: kept } = contentOf({ text: value }, mode, KEY) ?? {};
      return (kept as { text: string }).text;
    };

    it('masks what is secret in the value that it stands for', () => {
      const key = { kty: 'oct', k: 'short', kid: 'a' };
      const table: readonly (readonly [unknown, unknown])[] = [
        [key, { ...key, k: '[masked]' }],
        [{ keys: [key] }, { keys: [{ ...key, k: '[masked]' }] }],
        [
          { kty: 'RSA', oth: [{ r: 'a', d: 'b', t: 'c' }] },
          { kty: 'RSA', oth: '[masked]' },
        ],
        [{ credentials: { user: 'ann', word: 'hunter2' } }, { credentials: '[masked]' }],
        [
          { pin: 1234, limit: 5 },
          { pin: '[masked]', limit: 5 },
        ],
        [
          [{ jwt: ['a'] }, 1],
          [{ jwt: '[masked]' }, 1],
        ],
      ];
      for (const mode of ['redacted', 'full'] as const) {
        for (const [value, expected] of table) {
          expect(text(JSON.stringify(value), mode)).to.equal(JSON.stringify(expected));
          expect(text(`\n ${JSON.stringify(value, null, 1)} `, mode)).to.equal(JSON.stringify(expected));
        }
      }
    });

    it('masks what its escapes hide', () => {
      expect(text('{"\\u006bty":"oct","\\u006b":"hunter2"}')).to.equal('{"kty":"oct","k":"[masked]"}');
      expect(text('{"pass\\u0077ord":"hunter2"}')).to.equal('{"password":"[masked]"}');
    });

    it('masks a private key in JSON in JSON, and one that is cut off or has text around it', () => {
      const { d = '' } = jwk;
      const within = JSON.stringify({ a: JSON.stringify({ b: JSON.stringify(jwk) }) });
      const long = JSON.stringify({ jwk, long: 'x'.repeat(100_000) });
      for (const one of [within, long, `the key: ${JSON.stringify(jwk)}`, JSON.stringify(jwk).slice(0, -1)]) {
        for (const mode of ['redacted', 'full'] as const) expect(text(one, mode)).to.not.include(d.slice(0, 16));
      }
    });

    it('leaves it as it was written where nothing in it is secret', () => {
      for (const one of ['{ "a": 1.50,  "b": [] }', '[1, 2]', '{}', '[INFO] started [x]', '{a}', '{"a":1} {"b":2}']) {
        expect(text(one)).to.equal(one);
        expect(contentOf(one, 'full', KEY)).to.deep.equal({ value: one });
      }
    });

    it('masks what is nested too deeply to be looked at', () => {
      const deep = `${'{"a":'.repeat(40)}{"credentials":{"word":"hunter2"}}${'}'.repeat(40)}`;
      expect(text(deep)).to.include('[masked]').and.not.include('hunter2');
    });

    it('leaves out what is too long to be looked at to its end, where it may hold a secret', () => {
      const pad = 'x'.repeat(200_000);
      for (const mode of ['redacted', 'full'] as const) {
        for (const head of ['"password":["hunter22"]', '"secret":{"a":"hunter22"}', '"p\\u0061ssword":"hunter22"']) {
          expect(plain(contentOf({ text: `{${head},"pad":"${pad}"}` }, mode, KEY))).to.deep.equal({
            masked: 1,
            value: { text: '[masked]' },
          });
        }
        const { value } = contentOf({ text: `{"path":["hunter22"],"pad":"${pad}"}` }, mode, KEY) ?? {};
        expect(JSON.stringify(value)).to.include('hunter22');
      }
    });

    it('keeps no more of it than of another text', () => {
      const pins = (length: number): string => JSON.stringify(Array.from({ length }, () => ({ pin: 1 })));
      expect(text(pins(3000))).to.have.lengthOf(16_384 + 4);
      expect(text(pins(1000), 'redacted')).to.have.lengthOf(256 + 4);
      const nested = Array.from({ length: 12 }).reduce<string>((inner) => JSON.stringify({ inner, pin: 1 }), '');
      expect(text(nested).length).to.be.at.most(2 * 16_384 + 4);
    });
  });

  describe('of what stands beside the name of a secret', () => {
    const MASK = '[masked]';
    const SECRETS: readonly (readonly [value: unknown, expected: unknown])[] = [
      [
        ['login', '--password', 'hunter2', 'x'],
        ['login', '--password', MASK, 'x'],
      ],
      [
        ['-password', 'two "words"\nand a line', '--api-key', '-9!', '--dbPass', ''],
        ['-password', MASK, '--api-key', MASK, '--dbPass', MASK],
      ],
      [
        ['--pin', 1234, '--otp', '123456', '--password', true, '--pass', '12'],
        ['--pin', MASK, '--otp', MASK, '--password', MASK, '--pass', MASK],
      ],
      [
        ['--credentials', { user: 'ann', word: 'hunter2' }, '--token', ['t0']],
        ['--credentials', MASK, '--token', MASK],
      ],
      [
        ['-H', 'Authorization: Bearer hunter2', '--token=t0', '-e', 'PASSWORD=hunter2'],
        ['-H', `Authorization: Bearer ${MASK}`, `--token=${MASK}`, '-e', `PASSWORD=${MASK}`],
      ],
      [
        ['curl', '-u', 'ann:hunter2', '--proxy-user', 'ann:two words', '-sSu', 'bob:x'],
        ['curl', '-u', `ann:${MASK}`, '--proxy-user', `ann:${MASK}`, '-sSu', `bob:${MASK}`],
      ],
      [[{ name: 'password', value: 'hunter2' }], [{ name: 'password', value: MASK }]],
      [
        { value: 'hunter2', key: 'api_key', x: 1 },
        { value: MASK, key: 'api_key', x: 1 },
      ],
      [
        { Name: 'SECRET_KEY_BASE', Value: ['hunter2'], values: { a: 'hunter2' } },
        { Name: 'SECRET_KEY_BASE', Value: MASK, values: MASK },
      ],
      [
        { ParameterKey: 'DbPassword', ParameterValue: 'hunter2', header_name: 'Cookie' },
        { ParameterKey: 'DbPassword', ParameterValue: MASK, header_name: 'Cookie' },
      ],
      [
        { fields: [{ name: 'Password field', type: 'textbox', ref: 'e3', value: 'hunter2' }] },
        { fields: [{ name: 'Password field', type: 'textbox', ref: 'e3', value: MASK }] },
      ],
      [
        { field: 'token', old_value: 'hunter2', newValue: 'hunter3' },
        { field: 'token', old_value: MASK, newValue: MASK },
      ],
      [
        { id: 'pin', value: 1234 },
        { id: 'pin', value: MASK },
      ],
    ];
    const HARMLESS: readonly unknown[] = [
      ['--token-limit', '5', '--max-tokens', '5', '--compass', 'north', '--session-length', '5'],
      ['--password', '--verbose', '-v', 'x'],
      ['password', 'username'],
      ['--', 'password', 'a--password', 'b', 'the --password', 'c'],
      ['--token', 5, '--password', null, '--signature', true],
      ['hunter2', '--password'],
      [['--password'], 'x'],
      ['docker', '-u', '1000:1000', 'sort', '-u', 'names', 'a-u', 'b:c'],
      { name: 'Theme', value: 'dark' },
      { name: 'password', type: 'string', description: 'of the account' },
      { name: 'password', value: null },
      { name: ['password'], value: 'x' },
      { name: 'pass', value: 12 },
      { name: 'compass', value: 'north' },
      { name: `${'a long text about how '.repeat(3)}a password is reset`, value: 'x' },
      { name: 'max_tokens', value: 5 },
      { title: 'password', value: 'x' },
      { name: 'password', evaluation: 'x' },
      { a: { name: 'password' }, value: 'x' },
    ];

    for (const mode of ['redacted', 'full'] as const) {
      const recorded = (value: unknown): unknown => plain(contentOf({ a: value }, mode, KEY)?.value);

      it(`masks it in mode ${mode}`, () => {
        for (const [value, expected] of SECRETS) {
          expect(recorded(value), JSON.stringify(value)).to.deep.equal({ a: expected });
          expect(contentOf(value, mode, KEY)?.masked).to.equal(JSON.stringify(expected).split(MASK).length - 1);
        }
      });

      it(`masks it in mode ${mode} where it is in a text that is JSON`, () => {
        for (const [value, expected] of SECRETS) {
          const { a } = recorded(JSON.stringify(value)) as { a: string };
          expect(JSON.parse(a.replaceAll('\\\\', '\\')), a).to.deep.equal(expected);
        }
      });

      it(`leaves alone in mode ${mode} what only looks like it`, () => {
        for (const value of HARMLESS) {
          expect(recorded(value), JSON.stringify(value)).to.deep.equal({ a: value });
          const text = JSON.stringify(value);
          for (const one of [text, `said: ${text}`, `${text.slice(0, -1)}, ...`]) {
            expect(recorded(one)).to.deep.equal({ a: one });
          }
        }
      });
    }
  });

  it('is bounded in depth, width and length', () => {
    const deep = JSON.parse('['.repeat(5000) + ']'.repeat(5000)) as unknown;
    const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`n${index}`, 'x'.repeat(10_000)]));
    for (const value of [deep, wide, Object.values(wide), { a: deep, b: wide }]) {
      expect(JSON.stringify(contentOf(value, 'redacted', KEY)).length).to.be.lessThan(100_000);
      expect(JSON.stringify(contentOf(value, 'full', KEY)).length).to.be.lessThan(2_000_000);
      expect(contentOf(value, 'digest', KEY)?.digest).to.match(/^hmac-sha256:[0-9a-f]{64}$/);
      expect(contentOf(value, 'keys', KEY)?.keys?.length).to.be.at.most(50);
    }
  });

  it('has a canonical form and one safe line, whatever a client sends', () => {
    const names = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '10', '9', ''));
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.double(),
        fc.constantFrom(1e300, -0, 2 ** 60, '\ud800', '\u2028', '\u202e'),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(names, tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, fc.constantFrom('keys', 'redacted', 'full'), (sent, mode) => {
        const text = canonicalize(contentOf(sent, mode, KEY));
        expect(text).to.not.match(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(canonicalize(JSON.parse(text))).to.equal(text);
        expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
      }),
    );
  });
});

describe('safeCopy', () => {
  it('gives JSON for anything', () => {
    const odd = { a: undefined, b: () => 1, c: Symbol('s'), d: 10n, e: NaN, f: new Date(0), g: [undefined] };
    expect(plain(safeCopy(odd))).to.deep.equal({ b: null, c: null, d: '10', e: 'NaN', f: {}, g: [null] });
  });

  it('keeps no text of a client for the sake of a name in it', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const names = Array.from({ length: 20 }, (_, index) => `name-of-a-member-token-${index}`);
    const look = (name: string): unknown => contentOf({ text: `<${name}> ${'a'.repeat(1_000_000)}` }, 'redacted', KEY);
    look('warm-up');
    collect();
    const before = process.memoryUsage().heapUsed;
    for (const name of names) look(name);
    collect();
    expect(process.memoryUsage().heapUsed - before).to.be.below(5_000_000);
  });

  it('takes all for secrets where an object has more labels than anybody needs', () => {
    const labels = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}id`, `b${index}`]));
    const valueOf = (content: unknown): unknown => (content as { value: { value: unknown } }).value.value;
    expect(valueOf(contentOf({ value: 'plain', ...labels(1000) }, 'redacted', KEY))).to.equal('plain');
    expect(valueOf(contentOf({ value: 'plain', ...labels(1001) }, 'redacted', KEY))).to.equal('[masked]');
    expect(valueOf(contentOf({ value: 'plain', ...labels(900), name: 'password' }, 'redacted', KEY))).to.equal(
      '[masked]',
    );
    expect(valueOf(contentOf({ value: 7, name: 'token' }, 'redacted', KEY))).to.equal(7);
    expect(valueOf(contentOf({ value: 7, name: 'password' }, 'redacted', KEY))).to.equal('[masked]');
  });
});
