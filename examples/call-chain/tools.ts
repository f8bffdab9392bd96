// What happens through the tools of the live servers: the calls that all agree to, and those that somebody forbids.
import { connect, type Connection } from '../support/clients.js';
import { asUser } from '../support/login.js';
import type { Row } from '../support/report.js';
import { denialOf } from './peers.js';
import { post, verdict } from './send.js';
import { userToken } from './tokens.js';
import type { World } from './world.js';

/** The calls as they are meant, by an official client that signs a user in. */
export async function honestRows({ resources, authorizationServer }: World): Promise<readonly Row[]> {
  const client = await connect('client v1', resources.reports, asUser(authorizationServer));
  try {
    const answer = await client.call('report_builder', { name: 'notes.txt' });
    const [text = '', subject = '', frames = '', actors = ''] = answer.split(' | ');
    const what = 'agent, report_builder, secure_file_read, audit_write';
    return [
      { what, expected: 'Buy milk.', got: text },
      { what: 'tools that audit_write sees', expected: 'report_builder, secure_file_read, audit_write', got: frames },
      { what: 'for whom it sees them call', expected: 'demo-user', got: subject },
      { what: 'who acts, as its token says', expected: 'files, reports', got: actors },
    ];
  } finally {
    await client.close();
  }
}

type Attack = readonly [what: string, expected: string, tool: string, route: readonly string[], times?: number];

const [LIST, WRITE] = ['files#file_list', 'audit#audit_write'];

const ATTACKS: readonly Attack[] = [
  ['calls within all rules', 'done', 'report_any', [LIST]],
  ['a tool calls one that needs more than itself', 'denied privilege_escalated', 'report_preview', [WRITE]],
  ['the same by way of another server', 'denied privilege_escalated', 'report_preview', [LIST, WRITE]],
  ['a tool calls another than its own list says', 'denied callee_denied', 'report_builder', [LIST]],
  ['a tool calls one whose list it is not on', 'denied caller_denied', 'report_any', [WRITE]],
  [
    'data is to leave by a tool that is blocked',
    'denied callee_blocked',
    'report_any',
    ['files#file_share', 'audit#audit_export'],
  ],
  ['an isolated tool calls another', 'denied callee_blocked', 'report_isolated', [LIST]],
  ['an isolated tool is called', 'denied caller_blocked', 'report_any', ['audit#audit_purge']],
  ['a tool with a budget of two calls deeper', 'denied call_depth_exceeded', 'report_short', [LIST, WRITE]],
  [
    'calls deeper than every server allows',
    'denied call_depth_exceeded',
    'report_any',
    [LIST, 'reports#report_preview', 'files#file_share', 'audit#audit_read'],
  ],
  ['calls go round in a circle', 'denied call_circular', 'report_any', [LIST, 'reports#report_any']],
  ['a tool calls itself', 'denied call_circular', 'report_any', ['reports#report_any']],
  ['one request causes a storm of calls', 'denied fanout_exceeded', 'report_any', [LIST], 20],
  ['a tool hands the token of its user on', 'denied token_forwarded', 'report_leak', [LIST]],
];

/** Everything that tools of the live servers try, each on account of a user's call. */
export async function toolRows(world: World): Promise<readonly Row[]> {
  const { resources, authorizationServer } = world;
  const client = await connect('client v2 auto', resources.reports, asUser(authorizationServer));
  try {
    const rows: Row[] = [];
    for (const [what, expected, tool, route, times = 1] of ATTACKS) {
      rows.push({ what, expected, got: await asked(client, tool, { route, times }) });
    }
    return [...rows, ...(await userRows(world))];
  } finally {
    await client.close();
  }
}

async function asked(client: Connection, tool: string, args: Record<string, unknown>): Promise<string> {
  try {
    return await client.call(tool, args);
  } catch (error) {
    return `denied ${denialOf(error)}`;
  }
}

/** What users try who may less, or call a server that is none of their business. */
async function userRows(world: World): Promise<readonly Row[]> {
  const { resources } = world;
  const build = { name: 'report_builder', arguments: { name: 'notes.txt' } };
  const write = { name: 'audit_write', arguments: { entry: 'x' } };
  const invented = {
    'X-ETDI-Call-Depth': '1',
    'X-ETDI-Caller': 'secure_file_read',
    baggage: 'caller=secure_file_read',
  };
  const few = await userToken(world, 'reports', 'file:read');
  const full = await userToken(world, 'audit', 'file:read audit:log');
  const row = async (what: string, expected: string, response: Promise<Response>): Promise<Row> => ({
    what,
    expected: `denied ${expected}`,
    got: await verdict(await response),
  });
  return [
    await row('a user who may less calls it all the same', 'scope_insufficient', post(resources.reports, few, build)),
    await row('a token for another server', 'token_invalid', post(resources.audit, few, write)),
    await row('a client calls a tool that is for tools', 'caller_denied', post(resources.audit, full, write)),
    await row('it says by headers that a tool calls', 'caller_denied', post(resources.audit, full, write, invented)),
  ];
}
