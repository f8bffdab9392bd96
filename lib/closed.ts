import type { IncomingMessage, ServerResponse } from 'node:http';

/** Calls back when a response was sent or its client went away. Perhaps at once, perhaps twice. */
export function onceClosed(req: IncomingMessage, res: ServerResponse, call: () => void): void {
  if (res.closed) {
    call();
    return;
  }
  res.once('close', call);
  if (res.socket !== null) return;
  // A response that waits behind another one of its connection (pipelining) is told nothing when that is lost.
  const { socket } = req;
  socket.setMaxListeners(socket.getMaxListeners() + 1).once('close', call);
  res.once('close', () => {
    socket.off('close', call).setMaxListeners(socket.getMaxListeners() - 1);
  });
}
