// Calls without an official client, to send what no client would.

/** What a call says. */
export interface Call {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** Calls a tool. A text is sent as the body as it is. */
export function post(
  resource: string,
  token: string,
  call: Call | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: call };
  return fetch(resource, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-06-18',
      ...headers,
    },
    body: typeof call === 'string' ? call : JSON.stringify(message),
  });
}

interface Answer {
  readonly error?: { readonly message?: string; readonly data?: { readonly code?: string } };
  readonly result?: { readonly isError?: boolean };
}

/** `allowed`, or the code with which the call was denied. */
export async function verdict(response: Response): Promise<string> {
  const body = await response.text();
  const json = /^data: (\{.*)$/m.exec(body)?.[1] ?? body;
  const { error, result } = JSON.parse(json) as Answer;
  if (error !== undefined) return `denied ${error.data?.code ?? error.message ?? ''}`;
  return result?.isError === true ? `failed ${json}` : 'allowed';
}
