// The keys and tokens of a server that somebody broke into, and what is made with them.
import { signCallChain, type HopToSign, type SignCallChainOptions } from '../../lib/testing.js';
import { serviceToken } from '../support/agent.js';
import { userToken } from './tokens.js';
import type { World } from './world.js';

export const ENTRY = { entry: 'read notes.txt' };

/** Everything that is needed to make the chain of an honest call, and any other. */
interface Changes {
  readonly first?: Partial<HopToSign>;
  readonly last?: Partial<HopToSign>;
}

export interface Workshop {
  readonly world: World;
  /** Tokens of the server in the middle: for those that it calls, one that may less, and one of the agent. */
  readonly tokens: Readonly<Record<'reports' | 'audit' | 'fewer' | 'agent', string>>;
  /** The two hops of an honest call: reports calls files, and files calls audit. */
  readonly hops: (changes?: Changes) => readonly [HopToSign, HopToSign];
  readonly chain: (changes?: Changes, options?: SignCallChainOptions) => Promise<string[]>;
  /** A chain of the agent, under a key that it then revoked. */
  readonly revoked: readonly string[];
}

export async function openWorkshop(world: World): Promise<Workshop> {
  const { resources, keys, exchanges } = world;
  const permissions = ['file:read', 'audit:log'];
  const user = await userToken(world, 'reports', 'file:read audit:log');
  const { token: forFiles } = await exchanges.reports({ subjectToken: user, resource: resources.files });
  const exchanged = async (resource: string, scopes: readonly string[] = permissions): Promise<string> =>
    (await exchanges.files({ subjectToken: forFiles, resource, scopes })).token;
  const tokens = {
    reports: await exchanged(resources.reports),
    audit: await exchanged(resources.audit),
    fewer: await exchanged(resources.audit, ['file:read']),
    agent: await serviceToken(world.authorizationServer, resources.audit),
  };
  const hops: Workshop['hops'] = ({ first, last } = {}) => [
    {
      signer: keys.reports.signer('call-chain'),
      issuer: resources.reports,
      caller: 'report_builder',
      resource: resources.files,
      tool: 'secure_file_read',
      arguments: { name: 'notes.txt' },
      permissions,
      ...first,
    },
    {
      signer: keys.files.signer('call-chain'),
      issuer: resources.files,
      resource: resources.audit,
      tool: 'audit_write',
      arguments: ENTRY,
      permissions,
      ...last,
    },
  ];
  const chain: Workshop['chain'] = (changes, options) => signCallChain(hops(changes), options);
  return { world, tokens, hops, chain, revoked: await revokedChain(world) };
}

/** Others may go on believing in a key for as long as they keep the key set: five minutes. Nobody has it yet. */
async function revokedChain({ agent, resources }: World): Promise<readonly string[]> {
  const signer = agent.keys.signer('call-chain');
  const call = { resource: resources.audit, tool: 'audit_read', arguments: ENTRY, permissions: ['audit:log'] };
  const chain = await signCallChain([{ signer, issuer: agent.owner, ...call }], { lifetime: 300 });
  await agent.keys.revoke((await signer.current()).keyId);
  return chain;
}
