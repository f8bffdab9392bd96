import { createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { JWK } from 'jose';
import { ALGORITHMS, type KeyAlgorithm } from '../lib/keys/algorithms.js';
import { generateKey } from '../lib/keys/generateKey.js';
import { KEY_PURPOSES, KEY_STATES, type KeyInfo, type KeyPurpose } from '../lib/keys/keyRecord.js';
import {
  among,
  command,
  group,
  readArguments,
  table,
  UsageError,
  wholeNumber,
  type Command,
  type Io,
} from './command.js';
import { AUDIT, AUDIT_HELP } from './recording.js';
import { SECRET_VARIABLE } from './secret.js';
import { withStore, type StoreOptions, type StoreValues } from './store.js';

const COMMON = {
  directory: { type: 'string' },
  'secret-file': { type: 'string' },
  json: { type: 'boolean' },
} as const;
const PURPOSE = { purpose: { type: 'string', multiple: true } } as const;

const COMMON_HELP = `  --directory <path>    the directory of the key store (required)
  --secret-file <path>  the file with the secret; default: the variable ${SECRET_VARIABLE}
  --json                print JSON
`;
const PURPOSE_HELP = `  --purpose <name>      ${KEY_PURPOSES.join(', ')}; may be repeated; default: all
`;

interface Common extends StoreValues {
  readonly json?: boolean | undefined;
}

function purposesOf(values: readonly string[] | undefined): readonly KeyPurpose[] {
  return values === undefined ? KEY_PURPOSES : values.map((value) => among('purpose', KEY_PURPOSES, value));
}

function print(io: Io, { json }: Common, keys: readonly KeyInfo[]): void {
  if (json === true) {
    io.stdout(`${JSON.stringify({ keys }, null, 2)}\n`);
    return;
  }
  const time = (date: Date | undefined): string => date?.toISOString() ?? '-';
  const rows = keys.map((key) => [
    ...[key.keyId, key.purpose, key.algorithm, key.state],
    ...[time(key.activeAt), time(key.retiringAt), time(key.retiredAt), time(key.revokedAt)],
  ]);
  io.stdout(
    table([['KEY', 'PURPOSE', 'ALGORITHM', 'STATE', 'SIGNS FROM', 'UNTIL', 'UNPUBLISHED', 'REVOKED'], ...rows]),
  );
}

const generate = command(
  'mcp-etdi keys generate',
  'Generates the keys that are missing, and the store itself when there is none',
  `Usage: mcp-etdi keys generate --directory <path> [options]

Makes sure that each purpose has a key. Keys that are there stay.

${COMMON_HELP}${PURPOSE_HELP}  --algorithm <name>    ${ALGORITHMS.join(', ')}; default: ES256
${AUDIT_HELP}`,
  async (args, io) => {
    const options = { ...COMMON, ...PURPOSE, ...AUDIT, algorithm: { type: 'string' } } as const;
    const { values } = readArguments({ args: [...args], options });
    const algorithm: KeyAlgorithm = among('algorithm', ALGORITHMS, values.algorithm ?? 'ES256');
    const purposes = purposesOf(values.purpose);
    const algorithms = Object.fromEntries(purposes.map((purpose) => [purpose, algorithm]));
    await withStore(values, io, { create: true, algorithms }, async (store) => {
      const keys: KeyInfo[] = [];
      for (const purpose of purposes) keys.push(await store.generate(purpose));
      print(io, values, keys);
    });
  },
);

const rotate = command(
  'mcp-etdi keys rotate',
  'Generates the next keys, which sign once verifiers had time to learn of them',
  `Usage: mcp-etdi keys rotate --directory <path> [options]

Generates the next key of each purpose that has one. The present key goes on until then.

${COMMON_HELP}${PURPOSE_HELP}  --publish-for <s>     seconds until the next key signs; default: 900
  --retire-after <s>    seconds that the present key stays published after that
  --now                 let the next key sign at once; verifiers that cache the key set will deny it for a while
${AUDIT_HELP}`,
  async (args, io) => {
    const options = {
      ...COMMON,
      ...PURPOSE,
      ...AUDIT,
      now: { type: 'boolean' },
      'publish-for': { type: 'string' },
      'retire-after': { type: 'string' },
    } as const;
    const { values } = readArguments({ args: [...args], options });
    const purposes = values.purpose === undefined ? [undefined] : purposesOf(values.purpose);
    const periods = {
      ...period('publishFor', 'publish-for', values['publish-for']),
      ...period('retireAfter', 'retire-after', values['retire-after']),
    };
    await withStore(values, io, periods, async (store) => {
      const keys: KeyInfo[] = [];
      for (const purpose of purposes) {
        keys.push(...(await store.rotate(purpose, { immediately: values.now === true })));
      }
      print(io, values, keys);
    });
  },
);

function period(name: 'publishFor' | 'retireAfter', option: string, value: string | undefined): StoreOptions {
  return value === undefined ? {} : { [name]: wholeNumber(option, value) };
}

const STATE = { state: { type: 'string', multiple: true } } as const;
const STATE_HELP = `  --state <name>        ${KEY_STATES.join(', ')}; may be repeated; default: `;

const list = command(
  'mcp-etdi keys list',
  'Lists the keys on record',
  `Usage: mcp-etdi keys list --directory <path> [options]

${COMMON_HELP}${PURPOSE_HELP}${STATE_HELP}all
`,
  async (args, io) => {
    const { values } = readArguments({ args: [...args], options: { ...COMMON, ...PURPOSE, ...STATE } });
    const purposes = purposesOf(values.purpose);
    const states = (values.state ?? KEY_STATES).map((value) => among('state', KEY_STATES, value));
    const keys = await withStore(values, io, {}, (store) => store.list());
    print(
      io,
      values,
      keys.filter((key) => purposes.includes(key.purpose) && states.includes(key.state)),
    );
  },
);

const exportKeys = command(
  'mcp-etdi keys export',
  'Prints public keys, as a JWK Set or in PEM',
  `Usage: mcp-etdi keys export --directory <path> [options]

Prints public keys. Private keys never leave the store.

${COMMON_HELP}${PURPOSE_HELP}${STATE_HELP}pending, active, retiring
  --key <id>            only this key, whatever its state
  --format <name>       jwks, pem; default: jwks
`,
  async (args, io) => {
    const options = { ...COMMON, ...PURPOSE, ...STATE, key: { type: 'string' }, format: { type: 'string' } } as const;
    const { values } = readArguments({ args: withKeyIds(args), options });
    const purposes = purposesOf(values.purpose);
    const format = among('format', ['jwks', 'pem'], values.format ?? 'jwks');
    if (format === 'pem' && values.json === true) throw new UsageError('--format pem is not JSON');
    const states = values.state?.map((value) => among('state', KEY_STATES, value));
    const filter = {
      ...(values.key === undefined ? {} : { keyId: values.key, states: KEY_STATES }),
      ...(states === undefined ? {} : { states }),
    };
    const { keys } = await withStore(values, io, { purposes }, (store) => store.export(filter));
    if (values.key !== undefined && keys.length === 0) throw new Error('there is no such key');
    io.stdout(format === 'pem' ? keys.map(pemOf).join('') : `${JSON.stringify({ keys }, null, 2)}\n`);
  },
);

/** One key id in 64 starts with a dash: here it is still an id and no option. */
const DASHED_ID = /^-[A-Za-z0-9_-]{42}$/;

function withKeyIds(args: readonly string[]): string[] {
  const at = args.findIndex((word) => DASHED_ID.test(word));
  const [id, before] = [args[at], args[at - 1]];
  if (id === undefined || before === '--') return [...args];
  if (before === '--key') return [...args.slice(0, at - 1), `--key=${id}`, ...args.slice(at + 1)];
  return [...args.slice(0, at), ...args.slice(at + 1), '--', id];
}

function pemOf(jwk: JWK): string {
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
}

const revoke = command(
  'mcp-etdi keys revoke',
  'Takes a key out at once; another one signs in its place',
  `Usage: mcp-etdi keys revoke <key id> --directory <path> [options]

Takes a key out of the key set at once and for good. When it was the active key, its successor signs from now on.
Servers that run notice within a second; verifiers once their copy of the key set expires.

${COMMON_HELP}${AUDIT_HELP}`,
  async (args, io) => {
    const options = { ...COMMON, ...AUDIT };
    const { values, positionals } = readArguments({ args: withKeyIds(args), options, allowPositionals: true });
    const [keyId, ...surplus] = positionals;
    if (keyId === undefined || surplus.length > 0) throw new UsageError('name one key to revoke');
    const key = await withStore(values, io, {}, (store) => store.revoke(keyId));
    print(io, values, [key]);
  },
);

const proofKey = command(
  'mcp-etdi keys proof-key',
  'Makes a key that access tokens can be bound to (DPoP), outside of any key store',
  `Usage: mcp-etdi keys proof-key [options]

Makes a private key and prints it as a JWK with its alg, for dpopFetch and for doctor --proof-key-file.

  --out <path>          writes it into a new file that nobody else can read, and prints the thumbprint of the key (jkt)
  --algorithm <name>    ${ALGORITHMS.join(', ')}; default: ES256
  --json                prints JSON; what is printed without --out is JSON anyway
`,
  async (args, io) => {
    const options = { out: { type: 'string' }, algorithm: { type: 'string' }, json: { type: 'boolean' } } as const;
    const { values } = readArguments({ args: [...args], options });
    const { keyId: jkt, privateJwk } = await generateKey(among('algorithm', ALGORITHMS, values.algorithm ?? 'ES256'));
    const text = `${JSON.stringify(privateJwk, null, 2)}\n`;
    if (values.out === undefined) {
      io.stdout(text);
      return;
    }
    // Never over a file that is there: a key that is lost takes its tokens along.
    await writeFile(values.out, text, { mode: 0o600, flag: 'wx' });
    io.stdout(values.json === true ? `${JSON.stringify({ jkt })}\n` : `${jkt}\n`);
  },
);

/** `mcp-etdi keys`: the signing keys of a server or a client. */
export const keys: Command = group(
  'mcp-etdi keys',
  'Generates, rotates, lists, exports and revokes signing keys.',
  new Map([
    ['generate', generate],
    ['rotate', rotate],
    ['list', list],
    ['export', exportKeys],
    ['revoke', revoke],
    ['proof-key', proofKey],
  ]),
);
