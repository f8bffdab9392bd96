import type { ServerResponse } from 'node:http';

/** Node's own methods, or what another package put in their place before the first mount. */
export interface Original {
  readonly writeHead: (this: ServerResponse, ...args: unknown[]) => ServerResponse;
  readonly write: (this: ServerResponse, ...args: unknown[]) => boolean;
  readonly end: (this: ServerResponse, ...args: unknown[]) => ServerResponse;
  readonly flushHeaders: (this: ServerResponse) => void;
}

/** The methods that a response or its prototype has now, for use after they were patched. */
export function originalOf(owner: object): Original {
  const { writeHead, write, end, flushHeaders } = owner as Original;
  return { writeHead, write, end, flushHeaders };
}
