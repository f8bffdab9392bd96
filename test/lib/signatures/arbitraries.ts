import fc from 'fast-check';
import type {
  BareItem,
  Dictionary,
  InnerList,
  Item,
  List,
  Member,
  Parameters,
} from '../../../lib/signatures/structured.js';

/** An item in a form that deep equality compares member by member. */
export function item(source: Item) {
  return { item: source.item, parameters: [...source.parameters] };
}

const characters = (text: string) => fc.constantFrom(...text.split(''));
const lower = 'abcdefghijklmnopqrstuvwxyz';
const digits = '0123456789';

const key = fc
  .tuple(characters(`${lower}*`), fc.string({ unit: characters(`${lower}${digits}_-.*`), maxLength: 6 }))
  .map(([first, rest]) => first + rest);

const token = fc
  .tuple(
    characters(`${lower}${lower.toUpperCase()}*`),
    fc.string({ unit: characters(`${lower}${digits}!#$%&'*+-.^_\`|~:/`), maxLength: 8 }),
  )
  .map(([first, rest]) => first + rest);

const MOST = 999_999_999_999_999;

const bareItem: fc.Arbitrary<BareItem> = fc.oneof(
  fc.integer({ min: -MOST, max: MOST }).map((value) => ({ type: 'integer', value }) as const),
  fc.integer({ min: -MOST, max: MOST }).map((value) => ({ type: 'decimal', value: value / 1000 }) as const),
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).map((value) => ({ type: 'string', value }) as const),
  token.map((value) => ({ type: 'token', value }) as const),
  fc.uint8Array({ maxLength: 12 }).map((value) => ({ type: 'bytes', value: Buffer.from(value) }) as const),
  fc.boolean().map((value) => ({ type: 'boolean', value }) as const),
  fc.integer({ min: -MOST, max: MOST }).map((value) => ({ type: 'date', value }) as const),
);

const parameters: fc.Arbitrary<Parameters> = fc
  .array(fc.tuple(key, bareItem), { maxLength: 3 })
  .map((entries) => new Map(entries));

const oneItem: fc.Arbitrary<Item> = fc.record({ item: bareItem, parameters }, { noNullPrototype: true });
const innerList: fc.Arbitrary<InnerList> = fc.record(
  { items: fc.array(oneItem, { maxLength: 4 }), parameters },
  { noNullPrototype: true },
);
const member: fc.Arbitrary<Member> = fc.oneof(oneItem, innerList);
const list: fc.Arbitrary<List> = fc.array(member, { maxLength: 4 });
const dictionary: fc.Arbitrary<Dictionary> = fc
  .array(fc.tuple(key, member), { maxLength: 4 })
  .map((entries) => new Map(entries));

/** Everything that a structured field can hold. */
export const structured = { item: oneItem, list, dictionary };
