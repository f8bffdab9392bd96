import { keep } from '../memo.js';
import { SignatureError } from './error.js';
import { NO_PARAMETERS } from './structured.js';
import type { BareItem, Dictionary, InnerList, Item, List, Member, Parameters } from './structured.js';

/*
 * Structured fields (RFC 9651 section 4.2), read strictly: a key that comes twice, base64 that is not canonical and
 * anything else that two readers could take for two things is malformed. Reading is linear in the length of the text.
 */

interface Cursor {
  readonly text: string;
  at: number;
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const NUMBER = /-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})/y;
const INTEGER = /-?[0-9]{1,15}/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const STRING_RUN = /[\x20\x21\x23-\x5b\x5d-\x7e]*/y;

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUESTION = 0x3f;
const AT = 0x40;
const BACKSLASH = 0x5c;

const TRUE: BareItem = Object.freeze({ type: 'boolean', value: true });
const FALSE: BareItem = Object.freeze({ type: 'boolean', value: false });

/** Clients send the same component list again and again, while its parameters differ. */
const LISTS = new Map<string, readonly Item[]>();
const MAX_LISTS = 64;
const MAX_LIST_LENGTH = 1024;

/** @throws {SignatureError} `malformed` */
export function parseDictionary(text: string): Dictionary {
  const members = new Map<string, Member>();
  const cursor = { text, at: 0 };
  for (let more = skipSpaces(cursor); more; more = nextMember(cursor)) {
    const key = take(cursor, KEY);
    if (members.has(key)) throw malformed();
    members.set(key, skip(cursor, EQUALS) ? readMember(cursor) : { item: TRUE, parameters: readParameters(cursor) });
  }
  return members;
}

/** @throws {SignatureError} `malformed` */
export function parseList(text: string): List {
  const members: Member[] = [];
  const cursor = { text, at: 0 };
  for (let more = skipSpaces(cursor); more; more = nextMember(cursor)) members.push(readMember(cursor));
  return members;
}

/** @throws {SignatureError} `malformed` */
export function parseItem(text: string): Item {
  const cursor = { text, at: 0 };
  skipSpaces(cursor);
  const item = readItem(cursor);
  if (skipSpaces(cursor)) throw malformed();
  return item;
}

/** Steps over the comma, after which a member must be read. */
function nextMember(cursor: Cursor): boolean {
  if (!skipWhitespace(cursor)) return false;
  if (!skip(cursor, COMMA)) throw malformed();
  skipWhitespace(cursor);
  return true;
}

function readMember(cursor: Cursor): Member {
  return peek(cursor) === OPEN ? readInnerList(cursor) : readItem(cursor);
}

function readInnerList(cursor: Cursor): InnerList {
  const start = cursor.at;
  // A text that was read as a list before, up to its first parenthesis, is read as the same list wherever it stands.
  const known = LISTS.get(cursor.text.slice(start, cursor.text.indexOf(')', start) + 1));
  const items = known ?? readItems(cursor);
  if (known === undefined) remember(cursor.text.slice(start, cursor.at), items);
  else cursor.at = cursor.text.indexOf(')', start) + 1;
  return { items, parameters: readParameters(cursor) };
}

function readItems(cursor: Cursor): readonly Item[] {
  const items: Item[] = [];
  cursor.at += 1;
  skipSpaces(cursor);
  while (!skip(cursor, CLOSE)) {
    items.push(readItem(cursor));
    const next = peek(cursor);
    if (next !== SPACE && next !== CLOSE) throw malformed();
    skipSpaces(cursor);
  }
  return Object.freeze(items);
}

function remember(text: string, items: readonly Item[]): void {
  if (text.length <= MAX_LIST_LENGTH) keep(LISTS, MAX_LISTS, text, items);
}

function readItem(cursor: Cursor): Item {
  return { item: readBareItem(cursor), parameters: readParameters(cursor) };
}

function readParameters(cursor: Cursor): Parameters {
  if (peek(cursor) !== SEMICOLON) return NO_PARAMETERS;
  const parameters = new Map<string, BareItem>();
  while (skip(cursor, SEMICOLON)) {
    skipSpaces(cursor);
    const key = take(cursor, KEY);
    if (parameters.has(key)) throw malformed();
    parameters.set(key, skip(cursor, EQUALS) ? readBareItem(cursor) : TRUE);
  }
  return parameters;
}

function readBareItem(cursor: Cursor): BareItem {
  const first = peek(cursor);
  if (first === QUOTE) return { type: 'string', value: readString(cursor) };
  if (first === MINUS || (first >= ZERO && first <= NINE)) return readNumber(cursor);
  if (first === COLON) return { type: 'bytes', value: readBytes(cursor) };
  if (first === QUESTION) return readBoolean(cursor);
  if (first === AT) return readDate(cursor);
  return { type: 'token', value: take(cursor, TOKEN) };
}

function readNumber(cursor: Cursor): BareItem {
  const digits = take(cursor, NUMBER);
  // Minus zero is zero.
  return { type: digits.includes('.') ? 'decimal' : 'integer', value: Number(digits) || 0 };
}

function readDate(cursor: Cursor): BareItem {
  cursor.at += 1;
  return { type: 'date', value: Number(take(cursor, INTEGER)) || 0 };
}

function readString(cursor: Cursor): string {
  cursor.at += 1;
  let value = take(cursor, STRING_RUN);
  while (!skip(cursor, QUOTE)) {
    if (!skip(cursor, BACKSLASH)) throw malformed();
    const escaped = peek(cursor);
    if (escaped !== QUOTE && escaped !== BACKSLASH) throw malformed();
    cursor.at += 1;
    value += String.fromCharCode(escaped) + take(cursor, STRING_RUN);
  }
  return value;
}

function readBytes(cursor: Cursor): Uint8Array {
  const end = cursor.text.indexOf(':', cursor.at + 1);
  if (end < 0) throw malformed();
  const base64 = cursor.text.slice(cursor.at + 1, end);
  const bytes = Buffer.from(base64, 'base64');
  // Node skips what is not base64; only canonical text comes back as it was.
  if (bytes.toString('base64') !== base64) throw malformed();
  cursor.at = end + 1;
  return bytes;
}

function readBoolean(cursor: Cursor): BareItem {
  cursor.at += 1;
  if (skip(cursor, ZERO + 1)) return TRUE;
  if (skip(cursor, ZERO)) return FALSE;
  throw malformed();
}

/** What the pattern matches here, and steps over it. */
function take(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.at;
  if (!pattern.test(cursor.text)) throw malformed();
  const end = pattern.lastIndex;
  const taken = cursor.text.slice(cursor.at, end);
  cursor.at = end;
  return taken;
}

/** The next character code, `NaN` at the end. */
function peek(cursor: Cursor): number {
  return cursor.text.charCodeAt(cursor.at);
}

/** Steps over the character if it is the next one. */
function skip(cursor: Cursor, code: number): boolean {
  if (peek(cursor) !== code) return false;
  cursor.at += 1;
  return true;
}

/** Steps over spaces and says whether anything follows. */
function skipSpaces(cursor: Cursor): boolean {
  while (peek(cursor) === SPACE) cursor.at += 1;
  return cursor.at < cursor.text.length;
}

/** Steps over spaces and tabs and says whether anything follows. */
function skipWhitespace(cursor: Cursor): boolean {
  while (peek(cursor) === SPACE || peek(cursor) === TAB) cursor.at += 1;
  return cursor.at < cursor.text.length;
}

function malformed(): SignatureError {
  return new SignatureError('malformed', 'A structured field is malformed');
}
