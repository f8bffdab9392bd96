import { formOfResult, MANIFEST, metaOf, type WireForm, type WireTool } from '../../lib/definitions/form.js';
import { isObject } from '../../lib/rpc.js';
import { KEY_ROTATIONS } from './keyRotation.js';

/** Every tool of a server, as it was received. */
export interface Listing {
  readonly form: WireForm;
  readonly tools: readonly WireTool[];
  /** What the server passed on about keys. Proven by the verifier. */
  readonly keyRotations: readonly unknown[];
  /** The manifest that came with a tool; `null` where its page carried none. Proven by the verifier. */
  readonly manifests: ReadonlyMap<WireTool, unknown>;
  /** Names that appear more than once. */
  readonly duplicates: ReadonlySet<unknown>;
}

/** Sends `tools/list` with these parameters and gives the result as it was received. */
export type ListPage = (params: Readonly<Record<string, unknown>>) => Promise<unknown>;

const MOST_PAGES = 100;
const MOST_TOOLS = 10_000;

/**
 * Lists all pages: only then it is known whether a name is used twice.
 * @param known the form, where the caller knows it better than the result does
 * @throws {Error} for a list that is not one, and for one without end
 */
export async function listAllTools(page: ListPage, known?: WireForm): Promise<Listing> {
  const tools: WireTool[] = [];
  const keyRotations: unknown[] = [];
  const manifests = new Map<WireTool, unknown>();
  let form = known;
  let cursor: unknown;
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const result = await page(cursor === undefined ? {} : { cursor });
    if (!isObject(result) || !Array.isArray(result['tools'])) throw new Error('the server did not list its tools');
    form ??= formOfResult(result);
    const listed = (result['tools'] as readonly unknown[]).filter(isObject);
    // Of its own page: while a rolling deployment lasts, pages may come from different instances.
    for (const tool of listed) manifests.set(tool, metaOf(result)?.[MANIFEST] ?? null);
    tools.push(...listed);
    const statements = metaOf(result)?.[KEY_ROTATIONS];
    if (Array.isArray(statements)) keyRotations.push(...(statements as readonly unknown[]).slice(0, MOST_PAGES));
    cursor = result['nextCursor'];
    if (tools.length > MOST_TOOLS) break;
    if (cursor === undefined) return { form, tools, keyRotations, manifests, duplicates: duplicatesOf(tools) };
  }
  throw new Error('the server lists its tools without end');
}

function duplicatesOf(tools: readonly WireTool[]): ReadonlySet<unknown> {
  const seen = new Set<unknown>();
  return new Set(tools.map(({ name }) => name).filter((name) => seen.size === seen.add(name).size));
}
