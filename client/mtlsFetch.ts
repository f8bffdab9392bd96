import { createRequire } from 'node:module';
import { createSecureContext } from 'node:tls';
import type * as Undici from 'undici';
import type { Agent } from 'undici';
import { listOf, object, optional, readOptions, text, type Check } from '../lib/options.js';
import { readRequest, urlOf } from '../lib/outgoingRequest.js';
import { identityCheck, readServers, type MtlsServer } from './mtlsServer.js';

type Pem = string | Buffer;

export interface MtlsFetchOptions {
  /** The certificate of this client, and those between it and the authority, in PEM form. */
  readonly cert: Pem;
  /** Its private key, in PEM form. */
  readonly key: Pem;
  /** The passphrase of the key. Default: none. */
  readonly passphrase?: string;
  /** The authorities that may vouch for the servers. Default: those that Node comes with. */
  readonly ca?: Pem | readonly Pem[];
  /** Who gets to see the certificate: MCP servers, and the token endpoint that binds tokens to it. */
  readonly servers: readonly MtlsServer[];
  /** Sends requests to anybody else, without a certificate. Default: the system's `fetch`. */
  readonly fetch?: typeof fetch;
}

/** A `fetch` that holds connections. */
export type MtlsFetch = typeof fetch & {
  /** Ends its connections. */
  readonly close: () => Promise<void>;
};

const pem: Check = (value) =>
  (typeof value === 'string' || Buffer.isBuffer(value)) && value.includes('-----BEGIN ')
    ? undefined
    : 'must be in PEM form';

/**
 * A `fetch` that proves by a certificate who calls (RFC 8705), to servers that prove who they are.
 *
 * A server is who its certificate says: the host name of its URL, or another name or key that it is known by. Give it to an
 * MCP client as the `fetch` option of its transport, alone or under `signingFetch` and `dpopFetch`. Redirects are not
 * followed. It needs the package `undici`.
 * @throws {TypeError} when an option is not what it must be, the key is not that of the certificate, two of `servers`
 *   do not agree on who is at one origin, or `undici` is not installed; later, like any `fetch` when a server is
 *   not who it should be
 */
export function mtlsFetch(options: MtlsFetchOptions): MtlsFetch {
  const given = readOptions<MtlsFetchOptions>('mtlsFetch', options, {
    cert: pem,
    key: pem,
    passphrase: optional(text),
    ca: optional((value) => (Array.isArray(value) ? listOf(pem, { least: 1 })(value) : pem(value))),
    servers: listOf(object, { least: 1 }),
    fetch: optional((value) => (typeof value === 'function' ? undefined : 'must be a function')),
  });
  const { servers, fetch: send = fetch, ...credentials } = given;
  const tls = { ...credentials, ca: credentials.ca as Pem | Pem[] | undefined };
  assertUsable(tls);
  const known = readServers(servers);
  assertInstalled();
  const agents = new Map<string, Promise<Agent>>();

  const agentOf = (origin: string, server: MtlsServer): Promise<Agent> => {
    const agent = agents.get(origin) ?? openAgent(tls, server);
    agents.set(origin, agent);
    return agent;
  };

  const fetchWith: typeof fetch = async (input, init) => {
    const url = urlOf(input);
    const server = known.get(url.origin);
    if (server === undefined) return send(input, init);
    const dispatcher = await agentOf(url.origin, server);
    const { method, headers, body, rest } = await readRequest('mtlsFetch', input, init);
    const { fetch: sendWith } = await load();
    const request = { ...rest, method, headers: [...headers], ...(body === undefined ? {} : { body }), dispatcher };
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the package has a class of its own
    return await sendWith(url, request as never);
  };
  const close = async (): Promise<void> => {
    const open = await Promise.allSettled(agents.values());
    agents.clear();
    await Promise.all(open.flatMap((one) => (one.status === 'fulfilled' ? [one.value.destroy()] : [])));
  };
  return Object.assign(fetchWith, { close });
}

type Tls = Pick<MtlsFetchOptions, 'cert' | 'key' | 'passphrase'> & { readonly ca: Pem | Pem[] | undefined };

/** One for each server, so that no connection to one can serve for another. */
async function openAgent({ ca, ...tls }: Tls, server: MtlsServer): Promise<Agent> {
  const { Agent: UndiciAgent } = await load();
  return new UndiciAgent({
    connect: {
      ...tls,
      ...(ca === undefined ? {} : { ca }),
      minVersion: 'TLSv1.2',
      // Else an environment variable decides whether a server is looked at (`NODE_TLS_REJECT_UNAUTHORIZED`).
      rejectUnauthorized: true,
      // A resumed session is not asked who it is, and one can be kept of a server that was not who it should be.
      maxCachedSessions: 0,
      checkServerIdentity: identityCheck(server),
    } as never,
  });
}

function load(): Promise<typeof Undici> {
  return import('undici');
}

function assertInstalled(): void {
  try {
    createRequire(import.meta.url).resolve('undici');
  } catch (cause) {
    throw new TypeError("mtlsFetch: install the package 'undici', with which the certificate is sent", { cause });
  }
}

function assertUsable({ ca, ...tls }: Tls): void {
  try {
    createSecureContext({ ...tls, ...(ca === undefined ? {} : { ca }) });
  } catch (cause) {
    throw new TypeError(
      "mtlsFetch: 'cert', 'key' and 'ca' cannot be used together; is the key that of the certificate?",
      {
        cause,
      },
    );
  }
}
