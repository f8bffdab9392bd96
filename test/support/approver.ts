// A process that approves tools in a file: its arguments are the path, the keys and the first number.
import type { JSONWebKeySet, JWK } from 'jose';
import { fileApprovals } from '../../client/tools/fileApprovals.js';
import { importSignKey } from '../../lib/keys/algorithms.js';

const [file = '', keys = '', from = ''] = process.argv.slice(2);
const { private: privateKey, jwks } = JSON.parse(keys) as { private: JWK; jwks: JSONWebKeySet };
const key = await importSignKey(privateKey);
const approvals = fileApprovals({ file, signer: { current: () => Promise.resolve(key) }, keys: jwks });

for (let at = 0; at < 8; at += 1) {
  const approvedAt = new Date();
  await approvals.save({
    server: 'https://mcp.example/mcp',
    tool: `tool-${Number(from) + at}`,
    permissions: [],
    forms: {},
    approver: 'test',
    approvedAt,
    expiresAt: new Date(approvedAt.getTime() + 60_000),
  });
  process.send?.(at);
}
process.disconnect();
