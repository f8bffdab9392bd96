import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Connection } from './context.js';

/** What a socket knows of whoever is at its other end. Over HTTP/2 it is the socket of the session. */
export function connectionOf(socket: Socket): Connection {
  const { remoteAddress } = socket;
  if (!isEncrypted(socket)) return { remoteAddress };
  // In TLS 1.2 a client may begin the handshake anew, and Node gives out the certificate that it shows there before it has
  // proven to hold the key, and leaves `authorized` as it was.
  const authorized = socket.authorized && socket.getProtocol() === 'TLSv1.3';
  return { remoteAddress, tls: { authorized, certificate: () => socket.getPeerX509Certificate() } };
}

function isEncrypted(socket: Socket): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true;
}
