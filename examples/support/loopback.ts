import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server that only this machine can reach. */
export interface Loopback {
  readonly origin: string;
  /** Answers with this from now on. Until then nothing is answered. */
  readonly serve: (listener: RequestListener) => void;
  readonly close: () => Promise<void>;
}

/**
 * Listens on 127.0.0.1 before the application exists, so that its public URL can be one of its options.
 * Port 0 takes any free one.
 */
export async function listen(port: number): Promise<Loopback> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve: (listener) => server.on('request', listener),
    close: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // Event streams stay open for as long as their reader likes.
  server.closeAllConnections();
  await closed;
}
