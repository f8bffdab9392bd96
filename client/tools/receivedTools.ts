import type { WireForm } from '../../lib/definitions/form.js';
import { isObject } from '../../lib/rpc.js';
import { listAllTools, type Listing } from './listing.js';

/** What is used of a client of either SDK line. */
export interface ListingClient {
  readonly request: (request: { method: string; params: Record<string, unknown> }, schema: never) => Promise<unknown>;
  readonly transport?: unknown;
}

/**
 * A result schema that takes a result as it is, in both of the forms that the clients know: they would take unknown
 * members off a tool, which its signature covers.
 */
const AS_RECEIVED = {
  parse: (value: unknown) => value,
  safeParse: (value: unknown) => ({ success: true, data: value }),
  '~standard': { version: 1, vendor: 'mcp-etdi', validate: (value: unknown) => ({ value }) },
};

const CHANGED = 'notifications/tools/list_changed';

interface Transport {
  onmessage?: ((...args: readonly unknown[]) => unknown) | undefined;
}

/** The tools that a client received last. They are listed anew when they are old, or the server says they changed. */
export class ReceivedTools {
  readonly #client: ListingClient;
  readonly #maxAgeMs: number;
  readonly #now: () => Date;
  readonly #watched = new WeakSet<object>();
  #held: { readonly listing: Listing; readonly at: number } | undefined;
  #flight: Promise<Listing> | undefined;

  constructor(client: ListingClient, maxAgeMs: number, now: () => Date) {
    this.#client = client;
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
  }

  /** What is held goes: the next use lists anew. */
  forget(): void {
    this.#held = undefined;
    this.#flight = undefined;
  }

  async fresh(): Promise<Listing> {
    // Before anything else: a client that was connected anew may talk to another server.
    this.#watch();
    const age = this.#held === undefined ? Infinity : this.#now().getTime() - this.#held.at;
    return this.#held !== undefined && age >= 0 && age < this.#maxAgeMs ? this.#held.listing : this.list();
  }

  /** Lists the tools now. A list under way is shared. */
  async list(): Promise<Listing> {
    this.#watch();
    const flight = (this.#flight ??= this.#fetch());
    try {
      const listing = await flight;
      // One that was overtaken by a change is what its caller asked for, and is not held.
      if (this.#flight === flight) this.#held = { listing, at: this.#now().getTime() };
      return listing;
    } finally {
      if (this.#flight === flight) this.#flight = undefined;
    }
  }

  #fetch(): Promise<Listing> {
    const page = (params: Readonly<Record<string, unknown>>): Promise<unknown> =>
      this.#client.request({ method: 'tools/list', params: { ...params } }, AS_RECEIVED as never);
    return listAllTools(page, eraOf(this.#client));
  }

  /** Listens on the transport: a handler of the client would take the place of its user's. */
  #watch(): void {
    const { transport } = this.#client;
    if (!isObject(transport) || this.#watched.has(transport)) return;
    this.#watched.add(transport);
    this.forget();
    const open = transport as Transport;
    const deliver = open.onmessage;
    open.onmessage = (...args) => {
      const [message] = args;
      if (isObject(message) && message['method'] === CHANGED) this.forget();
      return deliver?.apply(open, [...args]);
    };
  }
}

/** A client of the second line takes the member that tells the form off the result, and says what it speaks. */
export function eraOf(client: object): WireForm | undefined {
  const { getProtocolEra } = client as { getProtocolEra?: () => unknown };
  if (typeof getProtocolEra !== 'function') return undefined;
  return getProtocolEra.call(client) === 'modern' ? 'modern' : 'legacy';
}
