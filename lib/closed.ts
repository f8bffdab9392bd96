import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';

/** Calls back when a response was sent or its client went away. Perhaps at once, perhaps twice. */
export function onceClosed(req: IncomingMessage, res: ServerResponse, call: () => void): void {
  // A response of HTTP/2, and one that waits, do not say that they are closed. Over HTTP/2 the socket stands for the stream.
  if (res.closed || req.socket.destroyed) {
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

/** Over HTTP/2 only the stream knows what became of a response, which says that all of it was sent when it is over. */
type Response = ServerResponse & { readonly stream?: ServerHttp2Stream };

/** Whether a response was sent to its end. */
export function isSent({ writableFinished, stream }: Response): boolean {
  return writableFinished && (stream?.rstCode ?? 0) === 0;
}

/** Whether the head of a response was sent. A pipelined response that waits its turn has sent nothing, whatever was written to it. */
export function isOnTheWire({ stream, socket }: Response, written: boolean): boolean {
  return stream?.headersSent ?? (written && socket !== null);
}
