import { createSecretKey } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { contentOf } from '../../../lib/audit/content.js';
import { Privacy } from '../../../lib/audit/privacy.js';
import { OwnSecrets } from '../../../lib/audit/secrets.js';
import { fakeContext } from '../../../lib/testing.js';

const KEY = createSecretKey(Buffer.alloc(32, 7));
/** Its letter is in no text but the secrets. */
const PART = 'Q7';
const OWN_PART = 'Qw';
const HEADERS = { authorization: `Bearer ${OWN_PART.repeat(20)}` };
const OWN = new OwnSecrets(fakeContext({ headers: HEADERS }).request.headers);
/** How much of a text is looked at behind what is recorded. */
const MARGIN = 16_384;

const SECRETS: readonly string[] = [
  `password=${PART.repeat(6)} `,
  `"--password","${PART} ${PART}",`,
  `{"name":"token","value":"${PART.repeat(3)}"}`,
  `{"value":"${PART.repeat(3)}","name":"token"}`,
  `<add key="Password" value="${PART.repeat(3)}" />`,
  `eyJ${PART.repeat(20)}.${PART}.${PART} `,
  `AKIA${PART.repeat(8)} `,
  `ghp_${PART.repeat(18)} `,
  `Basic ${PART.repeat(8)} `,
  `https://ann:${PART.repeat(8)}@a.example `,
  `"d":"${PART.repeat(22)}","kty":"OKP" `,
  `-----BEGIN PRIVATE KEY-----\n${PART.repeat(40)}\n-----END PRIVATE KEY-----\n`,
  // What the request itself carries.
  `${OWN_PART.repeat(20)} `,
];
/** What is shorter when it is masked, or longer. */
const CHANGING: readonly ((length: number) => string)[] = [
  (length) => 'x'.repeat(length),
  (length) => `token=${'z'.repeat(length)} `,
  (length) => `${'pin=12 '.repeat(length / 7)} `,
  (length) => `pass%77ord=x ${'%20'.repeat(length / 3)} `,
  (length) => `${'://@ '.repeat(length / 5)} `,
];

/** A text whose secret begins or ends about where the text is cut, behind what changes its length. */
const textOf = (cut: number): fc.Arbitrary<string> =>
  fc
    .record({
      before: fc.array(fc.tuple(fc.constantFrom(...CHANGING), fc.integer({ min: 0, max: cut })), { maxLength: 3 }),
      secret: fc.constantFrom(...SECRETS),
      at: fc.integer({ min: -80, max: 10 }),
      behind: fc.constantFrom('', 'y'.repeat(100), ' y'.repeat(cut)),
    })
    .map(({ before, secret, at, behind }) => {
      const start = before
        .map(([make, length]) => make(length))
        .join('')
        .slice(0, cut + at - 1);
      return `${start}${'.'.repeat(cut + at - 1 - start.length)} ${secret}${behind}`;
    });

describe('a text that is cut', () => {
  for (const [mode, most] of [
    ['redacted', 256],
    ['full', 16_384],
  ] as const) {
    it(`shows no part of a secret where it ends in mode ${mode}`, () => {
      fc.assert(
        fc.property(textOf(most + MARGIN), (text) => {
          const recorded = JSON.stringify(contentOf({ text }, mode, KEY, OWN));
          expect(recorded).to.not.match(/Q/);
        }),
        { numRuns: 300 },
      );
    });

    it(`shows no part of a secret where it ends and is JSON in mode ${mode}`, () => {
      // Masked, a pin is ten characters longer: what is cut is the masked text.
      const sent = fc.nat({ max: 800 }).chain((pins) =>
        textOf(most + MARGIN - pins * 19 - 2).map((text) => {
          return JSON.stringify([...Array.from({ length: pins }, () => ({ pin: 1 })), text]);
        }),
      );
      fc.assert(
        fc.property(sent, (text) => {
          expect(JSON.stringify(contentOf({ text }, mode, KEY, OWN))).to.not.match(/Q/);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('shows no part of a secret where the name of a tool ends', () => {
    const { request } = fakeContext({ headers: HEADERS });
    fc.assert(
      fc.property(fc.constantFrom(MARGIN, MARGIN + 256).chain(textOf), (text) => {
        const privacy = new Privacy({ arguments: 'none', results: 'none', key: KEY }, request);
        for (const shown of [privacy.text(text), privacy.path(text), privacy.id(text, 128)]) {
          expect(shown).to.not.match(/Q/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('says that it was cut, and keeps what is far from where it was', () => {
    const recorded = (text: string): unknown => contentOf(text, 'redacted', KEY)?.value;
    expect(recorded('x'.repeat(20_000))).to.equal(`${'x'.repeat(256)}\\...`);
    expect(recorded(`token=hunter2 ${'x'.repeat(20_000)}`)).to.equal(`token=[masked] ${'x'.repeat(241)}\\...`);
    expect(recorded(`token=${'z'.repeat(120)} ${'x'.repeat(20_000)}`)).to.equal(
      `token=[masked] ${'x'.repeat(129)}\\...`,
    );
    expect(recorded(`token=${'z'.repeat(20_000)}`)).to.equal('\\...');
    expect(recorded('x '.repeat(128))).to.equal('x '.repeat(128));
    expect(recorded(`${'x '.repeat(128)}y`)).to.equal(`${'x '.repeat(128)}\\...`);
  });
});
