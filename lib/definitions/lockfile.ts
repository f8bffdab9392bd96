import { canonicalize } from '../json/canonical.js';
import { escapeJson } from '../json/escape.js';
import { isObject } from '../rpc.js';
import { isDigest } from './form.js';
import type { Pin } from './versions.js';

/** Where a digest is found. */
type Path = readonly [server: string, name: string, version: string, form: string];

const DEPTH = 4;

/** What a lock file says. */
export interface Lockfile {
  readonly pins: readonly Pin[];
  /** The members of somebody else, such as the `definitions` that `mcp-etdi tools lock` writes for reviews. */
  readonly others: Readonly<Record<string, unknown>>;
}

/**
 * The text of a lock file, in an order that does not depend on anything: one line for each form of a version, and for
 * each member of a definition. Whoever reviews it sees what a model would read.
 */
export function encodeLockfile({ pins, others }: Lockfile): string {
  const changed = pins.flatMap((pin) => (pin.seen === undefined ? [] : [{ path: pathOf(pin), leaf: pin.seen }]));
  const members: readonly (readonly [string, unknown])[] = [
    ['lockfileVersion', 1],
    ['servers', nest(pins.map((pin) => ({ path: pathOf(pin), leaf: pin.digest })))],
    ...(changed.length === 0 ? [] : [['changed', nest(changed)] as const]),
    ...Object.entries(others),
  ];
  const lines = members.map(([name, value]) => `  ${JSON.stringify(name)}: ${lined(value, DEPTH, '  ')}`);
  return escapeJson(`{\n${lines.join(',\n')}\n}\n`);
}

/** A line for each member, as deep as that; what is below stands in the line of its member. */
function lined(value: unknown, depth: number, indent: string): string {
  const members = depth > 0 && isObject(value) ? Object.entries(value) : [];
  if (members.length === 0) return canonicalize(value);
  const inner = `${indent}  `;
  const lines = members
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, below]) => `${inner}${JSON.stringify(name)}: ${lined(below, depth - 1, inner)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

/**
 * What a lock file says.
 * @throws {TypeError} for anything that is not one
 */
export function decodeLockfile(file: unknown): Lockfile {
  if (!isObject(file) || file['lockfileVersion'] !== 1) throw new TypeError("'lockfileVersion' must be 1");
  const { lockfileVersion: _version, servers, changed = {}, ...others } = file;
  const seen = new Map(rowsOf('changed', changed).map(({ path, digest }) => [JSON.stringify(path), digest]));
  const pins = rowsOf('servers', servers).map(({ path, digest }) => {
    const [server, name, version, form] = path;
    const other = seen.get(JSON.stringify(path));
    return { server, name, version, form, digest, ...(other === undefined ? {} : { seen: other }) };
  });
  return { pins, others };
}

/** A value, and where it belongs. */
interface Leaf {
  readonly path: readonly string[];
  readonly leaf: unknown;
}

/** One object of what belongs at different places in it. */
export function nest(leaves: readonly Leaf[]): Readonly<Record<string, unknown>> {
  const groups = new Map<string, Leaf[]>();
  for (const { path, leaf } of leaves) {
    const [name = '', ...below] = path;
    const group = groups.get(name) ?? [];
    group.push({ path: below, leaf });
    groups.set(name, group);
  }
  // `fromEntries` defines members: a tool may be named `__proto__`.
  return Object.fromEntries(
    [...groups].map(([name, below]) => {
      const [first] = below;
      return [name, first?.path.length === 0 ? first.leaf : nest(below)];
    }),
  );
}

interface Row {
  readonly path: Path;
  readonly digest: string;
}

function pathOf({ server, name, version, form }: Pin): Path {
  return [server, name, version, form];
}

function rowsOf(label: string, value: unknown, path: readonly string[] = []): readonly Row[] {
  if (path.length === DEPTH) {
    if (!isDigest(value)) throw new TypeError(`'${label}' holds something that is not a digest`);
    return [{ path: path as unknown as Path, digest: value }];
  }
  if (!isObject(value)) throw new TypeError(`'${label}' must hold digests by server, tool, version and form`);
  return Object.entries(value).flatMap(([name, below]) => rowsOf(label, below, [...path, name]));
}
