import { createApp } from './signing/server.js';
import { makeDevelopmentKeys } from './support/agent.js';
import { run } from './support/run.js';

const { agent, server, trusted, directory, secret, close } = await makeDevelopmentKeys('demo-service');
// Another process signs with the agent's keys.
await agent.close();

await run((resource, issuer, audit) => createApp(resource, issuer, audit, trusted, server), {
  close,
  hint: (resource) => `
One tool wants a signature too: curl is denied (403), and this client signs:

  TOKEN=$TOKEN MCP_ETDI_KEY_SECRET=${secret} node --import tsx examples/signing/client.ts ${resource} ${directory}
`,
});
