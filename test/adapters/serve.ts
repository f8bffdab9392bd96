// Real servers on the loopback interface, and sockets that speak to them byte by byte.
import { once } from 'node:events';
import http, { type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';

const servers = new Set<Server>();
const wires = new Set<Wire>();

/** Starts a server. `closeServers` stops it. */
export async function serve(listener: RequestListener): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  servers.add(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export async function closeServers(): Promise<void> {
  for (const wire of wires) wire.destroy();
  wires.clear();
  for (const server of servers) {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
  servers.clear();
}

export async function connect(port: number): Promise<Wire> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  const wire = new Wire(socket);
  wires.add(wire);
  return wire;
}

/** One connection. */
export class Wire {
  /** Everything that came back so far, one character per byte. */
  received = '';
  closed = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
      socket.emit('progress');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      socket.emit('progress');
    });
  }

  send(...pieces: readonly (string | Uint8Array)[]): void {
    for (const piece of pieces) this.#socket.write(piece);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits until something has come back. Fails when the connection closes before. */
  async until(wanted: string | RegExp | ((received: string) => boolean)): Promise<string> {
    const arrived = (): boolean => {
      if (typeof wanted === 'string') return this.received.includes(wanted);
      return wanted instanceof RegExp ? wanted.test(this.received) : wanted(this.received);
    };
    while (!arrived()) {
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await once(this.#socket, 'progress');
    }
    return this.received;
  }

  async untilClosed(): Promise<string> {
    while (!this.closed) await once(this.#socket, 'progress');
    return this.received;
  }
}

/** The text of a POST of JSON, ready for a wire. */
export function post(body: unknown, headers: Readonly<Record<string, string>> = {}, path = '/'): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const all = {
    Host: 'mcp.example',
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(text)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`;
}

/** Waits for something that happens soon, such as a hook that runs when a response is over. */
export async function eventually<Value>(look: () => Value | undefined | false): Promise<Value> {
  for (let tries = 0; tries < 400; tries += 1) {
    const value = look();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it did not happen');
}

/** Waits long enough for what must not happen. */
export const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40));
