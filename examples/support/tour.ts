import { CLIENTS, connect, type ClientKind, type Connection } from './clients.js';
import { asService, asUser, type Login } from './login.js';
import type { Row } from './report.js';
import type { Running } from './run.js';

/** What the official clients get to do as a user and as a service, all the way from the first 401. */
export async function tour({ resource, authorizationServer }: Running): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const kind of CLIENTS) {
    rows.push(...(await drive(kind, 'user', resource, asUser(authorizationServer))));
    rows.push(...(await drive(kind, 'service', resource, asService(authorizationServer))));
  }
  return rows;
}

async function drive(kind: ClientKind, who: keyof typeof STEPS, resource: string, login: Login): Promise<Row[]> {
  const client = await connect(kind, resource, login);
  const rows: Row[] = [];
  for (const [what, expected, act] of [negotiation(kind), ...STEPS[who]]) {
    rows.push({ what: `${kind}, ${who}: ${what}`, expected, got: await outcome(() => act(client)) });
  }
  await client.close();
  return rows;
}

type Step = readonly [what: string, expected: string, act: (client: Connection) => Promise<string>];

const LISTS: Step = [
  'lists the tools',
  'whoami, add, secure_file_read, purge, sign_off',
  async (client) => (await client.tools()).join(', '),
];
const READS: Step = ['reads a file', 'Buy milk.', (client) => client.call('secure_file_read', { name: 'notes.txt' })];
const STEPS = {
  user: [
    LISTS,
    ['says who calls', 'demo-user through demo-app', whoami],
    READS,
    ['empties the trash, after a further consent', 'gone', emptyTrash],
  ],
  service: [
    LISTS,
    ['says who calls', 'demo-service through demo-service', whoami],
    READS,
    ['may not empty the trash', 'denied', emptyTrash],
  ],
} as const satisfies Record<string, readonly Step[]>;

function negotiation(kind: ClientKind): Step {
  const era = kind === 'client v2 auto' ? 'modern' : 'legacy';
  return ['negotiates a protocol', era, (client) => Promise.resolve(client.era)];
}

async function whoami(client: Connection): Promise<string> {
  const { subject, clientId } = JSON.parse(await client.call('whoami')) as { subject: string; clientId: string };
  return `${subject} through ${clientId}`;
}

async function emptyTrash(client: Connection): Promise<string> {
  return (await client.call('purge')).replace(/^\d+ /, '');
}

/** Clients throw when they are denied, each in its own words. */
async function outcome(act: () => Promise<string>): Promise<string> {
  try {
    return await act();
  } catch (error) {
    return isDenial(error) ? 'denied' : String(error);
  }
}

/** A 403 of the MCP server, or an authorization server that does not grant the scope that a 403 asked for. */
function isDenial(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: string };
  return code === 403 || code === 'invalid_scope' || /\b403\b|invalid_scope/.test(message ?? '');
}
