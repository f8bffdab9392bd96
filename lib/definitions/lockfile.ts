import { isObject } from '../rpc.js';
import { isDigest } from './form.js';
import type { Pin } from './versions.js';

/** By server, name, version and form. */
type Nested = { readonly [Name in string]: string | Nested };
type Path = readonly [server: string, name: string, version: string, form: string];

const DEPTH = 4;

/** The text of a lock file: one line for each form of a version, in an order that does not depend on anything. */
export function encodeLockfile(pins: readonly Pin[]): string {
  const rows = pins.map((pin) => ({ path: pathOf(pin), ...pin }));
  const changed = rows.flatMap(({ path, seen }) => (seen === undefined ? [] : [{ path, digest: seen }]));
  const file = {
    lockfileVersion: 1,
    servers: nest(rows),
    ...(changed.length === 0 ? {} : { changed: nest(changed) }),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/**
 * What a lock file says.
 * @throws {TypeError} for anything that is not one
 */
export function decodeLockfile(file: unknown): readonly Pin[] {
  if (!isObject(file) || file['lockfileVersion'] !== 1) throw new TypeError("'lockfileVersion' must be 1");
  const { servers, changed = {} } = file;
  const seen = new Map(rowsOf('changed', changed).map(({ path, digest }) => [JSON.stringify(path), digest]));
  return rowsOf('servers', servers).map(({ path, digest }) => {
    const [server, name, version, form] = path;
    const other = seen.get(JSON.stringify(path));
    return { server, name, version, form, digest, ...(other === undefined ? {} : { seen: other }) };
  });
}

interface Row {
  readonly path: Path;
  readonly digest: string;
}

function pathOf({ server, name, version, form }: Pin): Path {
  return [server, name, version, form];
}

function nest(rows: readonly { readonly path: readonly string[]; readonly digest: string }[]): Nested {
  // `fromEntries` defines members: a tool may be named `__proto__`.
  return Object.fromEntries(
    byHead(rows).map(([name, below]) => {
      const [leaf] = below;
      return [name, leaf?.path.length === 0 ? leaf.digest : nest(below)];
    }),
  );
}

/** Rows by the first step of their paths, in order of it, each without that step. */
export function byHead<Row extends { readonly path: readonly string[] }>(
  rows: readonly Row[],
): readonly (readonly [name: string, below: readonly Row[]])[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const [name = '', ...path] = row.path;
    const below = { ...row, path };
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [below]);
    else group.push(below);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function rowsOf(label: string, value: unknown, path: readonly string[] = []): readonly Row[] {
  if (path.length === DEPTH) {
    if (!isDigest(value)) throw new TypeError(`'${label}' holds something that is not a digest`);
    return [{ path: path as unknown as Path, digest: value }];
  }
  if (!isObject(value)) throw new TypeError(`'${label}' must hold digests by server, tool, version and form`);
  return Object.entries(value).flatMap(([name, below]) => rowsOf(label, below, [...path, name]));
}
