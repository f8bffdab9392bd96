// The authorization server: keys come and go, and so does it.
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { freePort } from '../test/support/redis.js';
import { fakeIssuer, type FakeIssuer } from '../lib/testing.js';
import { RESOURCE } from './fixture.js';

type Claims = Readonly<Record<string, unknown>>;

/** How long tokens are used before new ones are asked for. */
const REFRESH_MS = 20_000;
/** A new key is published for so long before it signs: longer than the server under load keeps a key set. */
const PUBLISHED_MS = 3500;
/** So long after its successor took over a key is withdrawn: longer than any request may be under way. */
const WITHDRAWN_MS = 16_000;
/** So long after that nothing remembers it: longer than the server under load keeps a key set. */
const FORGOTTEN_MS = 5000;

export class Authority {
  readonly issuer: string;
  /** A key that was withdrawn, and long enough ago. It signs as it always did. */
  withdrawn: FakeIssuer | undefined;
  /** Somebody who goes by the same name. */
  readonly impostor: FakeIssuer;
  readonly #port: number;
  #published: readonly FakeIssuer[];
  #signing: FakeIssuer;
  #server: Server | undefined;
  #held = new Map<string, { readonly token: Promise<string>; readonly until: number }>();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(port: number) {
    this.#port = port;
    this.issuer = `http://127.0.0.1:${port}`;
    this.impostor = this.#newKey();
    this.#signing = this.#newKey();
    this.#published = [this.#signing];
  }

  static async open(): Promise<Authority> {
    const authority = new Authority(await freePort());
    await authority.comeBack();
    return authority;
  }

  /** A token with these claims, the same one for a while, as clients keep theirs. */
  token(claims: Claims): Promise<string> {
    const name = JSON.stringify(claims);
    const held = this.#held.get(name);
    if (held !== undefined && held.until > performance.now()) return held.token;
    const token = this.fresh(claims);
    this.#held.set(name, { token, until: performance.now() + REFRESH_MS });
    return token;
  }

  /** A token that nobody has seen. */
  fresh(claims: Claims): Promise<string> {
    return this.#signing.token(claims);
  }

  /** Publishes a new key, signs with it a while later, and withdraws the ones before it. */
  rotate(): void {
    const next = this.#newKey();
    this.#published = [...this.#published, next];
    this.#later(PUBLISHED_MS, () => {
      const last = this.#signing;
      this.#signing = next;
      this.#held.clear();
      this.#later(WITHDRAWN_MS, () => {
        this.#published = this.#published.filter((one) => one !== last);
        this.#later(FORGOTTEN_MS, () => (this.withdrawn = last));
      });
    });
  }

  async goAway(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async comeBack(): Promise<void> {
    this.#server = createServer((req, res) => {
      void this.#answer(req.url ?? '').then(
        (document) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document)),
        () => res.writeHead(404).end(),
      );
    }).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.goAway();
  }

  async #answer(path: string): Promise<unknown> {
    const url = `${this.issuer}${path}`;
    if (url === this.#signing.jwksUri) {
      const sets = await Promise.all(this.#published.map((one) => one.jwks()));
      return { keys: sets.flatMap(({ keys }) => keys) };
    }
    return (await this.#signing.fetch(url)).json();
  }

  #newKey(): FakeIssuer {
    return fakeIssuer({ issuer: this.issuer, resource: RESOURCE });
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}
