import { Writable } from 'node:stream';
import type { AuthorizationServer } from '../../examples/support/authorizationServer.js';
import { createAuditLogger } from '../../examples/support/auditLogger.js';
import { listen } from '../../examples/support/loopback.js';
import type { CreateApp } from '../../examples/support/run.js';
import type { AuditEvent, AuditRecord } from '../../lib/index.js';

/** An application behind a real HTTP server, and what it wrote into its audit log. */
export interface Booted {
  readonly resource: string;
  readonly records: readonly AuditRecord[];
  readonly close: () => Promise<void>;
}

export async function boot(createApp: CreateApp, authorizationServer: AuthorizationServer): Promise<Booted> {
  const server = await listen(0);
  const resource = `${server.origin}/mcp`;
  const records: AuditRecord[] = [];
  const sink = new Writable({
    write(line, _encoding, done) {
      const event = JSON.parse(String(line)) as AuditEvent;
      if (event.type === 'request') records.push(event);
      done();
    },
  });
  authorizationServer.resources.add(resource);
  const app = createApp(resource, authorizationServer.issuer, createAuditLogger(sink));
  server.serve('callback' in app ? app.callback() : app);
  return { resource, records, close: server.close };
}

/** One request of a client to the MCP endpoint, and how it was answered. */
export interface Exchanged {
  readonly rpc: string | undefined;
  readonly status: number;
  readonly challenge: string | null;
  readonly session: string | null;
}

/** A `fetch` that remembers what went to one URL. */
export function recorder(resource: string): { readonly fetch: typeof fetch; readonly exchanged: Exchanged[] } {
  const exchanged: Exchanged[] = [];
  const recording: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (String(input instanceof Request ? input.url : input) !== resource) return response;
    const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as { method?: string }) : {};
    exchanged.push({
      rpc: body.method,
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      session: new Headers(init?.headers).get('mcp-session-id'),
    });
    return response;
  };
  return { fetch: recording, exchanged };
}
