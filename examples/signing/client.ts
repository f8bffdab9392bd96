// A client that signs every request to one MCP server, with a key that it keeps and rotates itself (ES256).
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { signingFetch } from '../../client/index.js';
import { openKeyStore, type Signer } from '../../lib/index.js';

/** Calls the tool that must be signed. */
export async function signOff(resource: string, token: string, signer: Signer, report: string): Promise<string> {
  // #region signing-client
  const client = new Client({ name: 'signing-client', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(resource), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
    fetch: signingFetch({ signer, resource }),
  });
  await client.connect(transport);
  const result = await client.callTool({ name: 'sign_off', arguments: { report } });
  // #endregion
  await client.close();
  const [content] = result.content;
  return content?.type === 'text' ? content.text : JSON.stringify(result);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [resource, directory] = process.argv.slice(2);
  const { TOKEN: token, MCP_ETDI_KEY_SECRET: secret } = process.env;
  if (resource === undefined || directory === undefined || token === undefined || secret === undefined) {
    console.error('usage: TOKEN=... MCP_ETDI_KEY_SECRET=... client.ts <resource> <key directory>');
    process.exit(2);
  }
  const keys = await openKeyStore({ directory, secret, create: false });
  console.log(await signOff(resource, token, keys.signer('request'), 'q3.pdf'));
  await keys.close();
}
