import { readJson } from '../json/read.js';
import { KeyStoreError } from './keyStoreError.js';
import { isMacOf, macOf, type StoreKeys, type StoreSecret } from './sealing.js';

/** What every file of a store says in the clear about how it is protected. */
export interface Header {
  readonly format: string;
  readonly version: 1;
  /** What the store was created with. */
  readonly secret: StoreSecret['kind'];
  /** Base64url. The same in every file of one store, and in no other store. */
  readonly salt: string;
  /** Counts the changes of the store. */
  readonly serial: number;
}

/** A file that was parsed, and not yet proven to be authentic. */
export interface UnprovenFile<Body extends Header> {
  readonly header: Header;
  readonly isProvenBy: (keys: StoreKeys) => boolean;
  /** @throws {KeyStoreError} `store_changed` */
  readonly prove: (keys: StoreKeys) => Body;
}

/** The MAC covers the very bytes between its own text and the last brace, so that no two readings of them exist. */
const SHAPE = /^\{"mac":"([A-Za-z0-9_-]{43})","store":(\{.*\})\}\n$/;

export function encodeFile(keys: StoreKeys, body: Header): string {
  const text = JSON.stringify(body);
  return `{"mac":"${macOf(keys, text)}","store":${text}}\n`;
}

/** @throws {KeyStoreError} `store_changed`, or `store_version` for a file of a later release */
export function decodeFile<Body extends Header>(path: string, format: string, text: string): UnprovenFile<Body> {
  const [, mac, content] = SHAPE.exec(text) ?? [];
  const body = content === undefined ? undefined : (readJson(content) as Partial<Body> | undefined);
  if (mac === undefined || content === undefined || body?.format !== format) throw changed(path);
  if (body.version !== 1) {
    throw new KeyStoreError('store_version', `'${path}' was written by another release; open it with that one`);
  }
  const { secret, salt, serial } = body;
  if (typeof secret !== 'string' || typeof salt !== 'string' || !Number.isSafeInteger(serial)) throw changed(path);
  const isProvenBy = (keys: StoreKeys): boolean => isMacOf(keys, content, mac);
  return {
    header: body as Body,
    isProvenBy,
    prove: (keys) => {
      if (!isProvenBy(keys)) throw changed(path);
      return body as Body;
    },
  };
}

export function changed(path: string): KeyStoreError {
  return new KeyStoreError(
    'store_changed',
    `'${path}' was damaged or changed by hand; restore the whole directory from a backup`,
  );
}
