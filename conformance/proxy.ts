// What the suite cannot do: adds a token that is bound to a key, a proof of that key and a signature to each request.
// Everything else goes through as it is, Host and Origin included.
import { request, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { dpopFetch, signingFetch } from '../client/index.js';
import type { FakeIssuer, FakeProver, FakeSigner } from '../lib/testing.js';

export interface ProxySetting {
  readonly resource: string;
  /** The port behind it, on 127.0.0.1. */
  readonly port: number;
  readonly issuer: FakeIssuer;
  readonly agent: FakeSigner;
  readonly prover: FakeProver;
}

/** Headers that belong to one connection, or are made anew. */
const OWN = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive']);

export function proxy({ resource, port, issuer, agent, prover }: ProxySetting): RequestListener {
  const seal = async (req: IncomingMessage, body: Buffer): Promise<Record<string, string>> => {
    let sealed: Record<string, string> = {};
    const keep: typeof fetch = (_url, init) => {
      sealed = Object.fromEntries(new Headers(init?.headers));
      return Promise.resolve(new Response());
    };
    const seals = dpopFetch({
      resource,
      key: prover.key,
      fetch: signingFetch({ signer: agent, resource, fetch: keep }),
    });
    const headers = new Headers(kept(req));
    headers.set('authorization', `Bearer ${await issuer.token({ cnf: { jkt: prover.jkt } })}`);
    const content = body.length === 0 ? {} : { body: new Uint8Array(body) };
    await seals(resource, { method: req.method ?? 'GET', headers, ...content });
    return sealed;
  };

  const pass = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = await buffer(req);
    const headers = { ...(await seal(req, body)), host: req.headers.host ?? '', 'content-length': body.length };
    const onward = request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers, agent: false });
    onward.once('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      answer.pipe(res);
    });
    onward.once('error', () => res.destroy());
    res.once('close', () => onward.destroy());
    onward.end(body);
  };

  return (req, res) => {
    pass(req, res).catch((error: unknown) => {
      console.error(error);
      res.destroy();
    });
  };
}

function kept({ rawHeaders }: IncomingMessage): [string, string][] {
  const lines = Array.from({ length: rawHeaders.length / 2 }, (_, at): [string, string] => [
    rawHeaders[2 * at] ?? '',
    rawHeaders[2 * at + 1] ?? '',
  ]);
  return lines.filter(([name]) => !OWN.has(name.toLowerCase()));
}
