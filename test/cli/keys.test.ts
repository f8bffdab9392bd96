import { spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat, writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { main } from '../../cli/main.js';

interface Result {
  code: number;
  out: string;
  err: string;
}

interface Key {
  keyId: string;
  purpose: string;
  algorithm: string;
  state: string;
  activeAt: string;
  createdAt: string;
  retiringAt?: string;
  retiredAt?: string;
}

const SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64');
let folder: string;

const directory = (): string => join(folder, 'keys');

async function run(args: readonly string[], env: Record<string, string> = { MCP_ETDI_KEY_SECRET: SECRET }) {
  const result: Result = { code: -1, out: '', err: '' };
  result.code = await main(args, {
    stdout: (line) => (result.out += line),
    stderr: (line) => (result.err += line),
    env,
  });
  return result;
}

const keys = (...args: string[]): Promise<Result> => run(['keys', ...args, '--directory', directory()]);

async function json(...args: string[]): Promise<Key[]> {
  const { code, out, err } = await keys(...args, '--json');
  expect([code, err]).to.deep.equal([0, '']);
  return (JSON.parse(out) as { keys: Key[] }).keys;
}

describe('mcp-etdi', () => {
  it('says its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly version: string };
    expect(await run(['--version'])).to.include({ code: 0, out: `${version}\n`, err: '' });
  });

  it('explains itself, and every command that it names', async () => {
    const { code, out } = await run(['--help']);
    expect([code, out]).to.satisfy(([status, help]: [number, string]) => status === 0 && help.includes('keys'));
    const { out: list } = await run(['keys', '-h']);
    const commands = [...list.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name!);
    expect(commands).to.deep.equal(['generate', 'rotate', 'list', 'export', 'revoke', 'proof-key']);
    for (const name of commands) {
      const help = await run(['keys', name, '--help'], {});
      expect([help.code, help.err]).to.deep.equal([0, '']);
      expect(help.out)
        .to.match(new RegExp(`^Usage: mcp-etdi keys ${name}`))
        .and.include(name === 'proof-key' ? '--out' : '--directory');
    }
  });

  const misused: [string, string[]][] = [
    ['no command', []],
    ['an unknown command', ['locks']],
    ['the name of a property', ['constructor']],
    ['no further command', ['keys']],
    ['an unknown further command', ['keys', 'delete']],
    ['an unknown option', ['keys', 'list', '--directory', 'x', '--secret', 'y']],
    ['a surplus word', ['keys', 'list', '--directory', 'x', 'surplus']],
    ['no directory', ['keys', 'list']],
    ['an option without value', ['keys', 'list', '--directory']],
    ['an unknown purpose', ['keys', 'generate', '--directory', 'x', '--purpose', 'requests']],
    ['an unknown algorithm', ['keys', 'generate', '--directory', 'x', '--algorithm', 'HS256']],
    ['an unknown state', ['keys', 'list', '--directory', 'x', '--state', 'lost']],
    ['an unknown format', ['keys', 'export', '--directory', 'x', '--format', 'der']],
    ['PEM as JSON', ['keys', 'export', '--directory', 'x', '--format', 'pem', '--json']],
    ['a period that is no number', ['keys', 'rotate', '--directory', 'x', '--publish-for', '1h']],
    ['a period of nothing', ['keys', 'rotate', '--directory', 'x', '--retire-after', '0']],
    ['no key to revoke', ['keys', 'revoke', '--directory', 'x']],
    ['two keys to revoke', ['keys', 'revoke', 'a', 'b', '--directory', 'x']],
  ];
  for (const [name, args] of misused) {
    it(`ends with 2 for ${name}`, async () => {
      const { code, out, err } = await run(args);
      expect([code, out]).to.deep.equal([2, '']);
      expect(err).to.include(args.includes('--json') ? '"code":"usage"' : '--help');
    });
  }
});

describe('mcp-etdi keys', () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-etdi-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('generate makes the store and the keys that are missing, and keeps those that are there', async () => {
    const [first] = await json('generate', '--purpose', 'request');
    expect(first).to.include({ purpose: 'request', algorithm: 'ES256', state: 'active' });
    const all = await json('generate');
    expect(all.map(({ purpose }) => purpose)).to.deep.equal([
      'request',
      'definition',
      'call-chain',
      'audit',
      'approval',
    ]);
    expect(all[0]!.keyId).to.equal(first!.keyId);
  });

  it('generate publishes the first key of another algorithm before it signs', async () => {
    await json('generate', '--purpose', 'request');
    const [next] = await json('generate', '--purpose', 'request', '--algorithm', 'Ed25519');
    expect(next).to.include({ algorithm: 'Ed25519', state: 'pending' });
    expect((await json('list')).map(({ state }) => state)).to.deep.equal(['active', 'pending']);
  });

  it('rotate publishes the next key for as long as it is told to, or lets it sign now', async () => {
    const [old] = await json('generate', '--purpose', 'audit');
    const [next] = await json('rotate', '--publish-for', '60', '--retire-after', '120');
    expect(next).to.include({ state: 'pending', purpose: 'audit' });
    expect(Date.parse(next!.activeAt) - Date.parse(next!.createdAt)).to.equal(60_000);
    const [active] = await json('rotate', '--purpose', 'audit', '--retire-after', '120', '--now');
    expect(active).to.include({ keyId: next!.keyId, state: 'active' });
    const [retiring] = await json('list', '--state', 'retiring');
    expect(retiring!.keyId).to.equal(old!.keyId);
    expect(Date.parse(retiring!.retiredAt!) - Date.parse(retiring!.retiringAt!)).to.equal(120_000);
  });

  it('list shows a line for each key, by purpose and state', async () => {
    await json('generate', '--purpose', 'request', '--purpose', 'audit');
    const { out } = await keys('list');
    expect(out.split('\n')).to.have.length(4);
    expect(out)
      .to.match(/^KEY +PURPOSE +ALGORITHM +STATE/)
      .and.to.match(/^[\w-]{43} {2}request +ES256 +active/m);
    expect(await json('list', '--purpose', 'audit')).to.have.length(1);
    expect(await json('list', '--state', 'revoked')).to.deep.equal([]);
  });

  it('export prints public keys only, as a JWK Set and in PEM', async () => {
    const [{ keyId } = { keyId: '' }] = await json('generate', '--purpose', 'request', '--purpose', 'audit');
    const { out } = await keys('export');
    const { keys: jwks } = JSON.parse(out) as { keys: Record<string, string>[] };
    expect(jwks).to.have.length(2);
    const purpose = 'io.github.mcp-etdi/purpose';
    for (const jwk of jwks) expect(jwk).to.have.all.keys('kty', 'crv', 'x', 'y', 'kid', 'alg', 'use', purpose);
    expect(jwks.map((jwk) => jwk[purpose])).to.deep.equal(['request', 'audit']);
    const { out: pem } = await keys('export', '--format', 'pem', '--purpose', 'request');
    expect(createPublicKey(pem).export({ format: 'jwk' })).to.include({ x: jwks[0]!['x'] });
    await json('revoke', keyId);
    expect((await keys('export', '--key', keyId)).out).to.include(keyId);
    expect((await keys('export')).out).not.to.include(keyId);
    expect(await keys('export', '--key', 'unknown')).to.include({ code: 1, out: '' });
  });

  it('revoke takes a key out and puts another in its place', async () => {
    const [{ keyId } = { keyId: '' }] = await json('generate', '--purpose', 'request');
    const [revoked] = await json('revoke', keyId);
    expect(revoked).to.include({ keyId, state: 'revoked' });
    expect((await json('list')).map(({ state }) => state)).to.deep.equal(['revoked', 'active']);
  });

  it('takes an id that starts with a dash as an id', async () => {
    await json('generate', '--purpose', 'request');
    const dashed = `-${'a'.repeat(42)}`;
    for (const args of [
      ['revoke', dashed],
      ['revoke', '--', dashed],
      ['export', '--key', dashed],
    ]) {
      const { code, err } = await run(['keys', args[0]!, '--directory', directory(), ...args.slice(1)]);
      expect(code, err).to.equal(1);
      expect(err).to.match(/no (such )?key/);
    }
  });

  it('ends with 1, and says why, when the store cannot be used', async () => {
    for (const args of [['list'], ['rotate'], ['export'], ['revoke', 'x']]) {
      const { code, out, err } = await keys(...args);
      expect([code, out]).to.deep.equal([1, '']);
      expect(err).to.include('there is no key store');
    }
    expect(await readdir(folder)).to.deep.equal([]);
    await json('generate', '--purpose', 'request');
    const { code, err } = await run(['keys', 'list', '--directory', directory()], {
      MCP_ETDI_KEY_SECRET: Buffer.alloc(32).toString('base64'),
    });
    expect(code).to.equal(1);
    expect(err).to.include('the secret does not open');
    expect(await keys('revoke', 'x')).to.include({ code: 1 });
  });

  describe('takes the secret', () => {
    const secretFile = (): string => join(folder, 'secret');

    it('from a file', async () => {
      await writeFile(secretFile(), `${SECRET}\n`, { mode: 0o600 });
      await json('generate', '--purpose', 'request');
      const args = ['keys', 'list', '--directory', directory(), '--secret-file', secretFile()];
      for (const env of [{}, { MCP_ETDI_KEY_SECRET: '' }]) {
        expect(await run(args, env)).to.include({ code: 0, err: '' });
      }
    });

    it('from one place: two are an error that says what to leave out', async () => {
      await writeFile(secretFile(), SECRET, { mode: 0o600 });
      await writeFile(join(folder, 'other'), SECRET, { mode: 0o600 });
      const { code, out, err } = await keys('generate', '--secret-file', secretFile());
      expect([code, out]).to.deep.equal([2, '']);
      expect(err).to.include('leave out --secret-file, or run: unset MCP_ETDI_KEY_SECRET');
      const args = ['keys', 'generate', '--secret-file', secretFile(), '--secret-file', join(folder, 'other')];
      const twice = await run([...args, '--directory', directory()], {});
      expect([twice.code, twice.err.split('\n')[0]]).to.deep.equal([
        2,
        'mcp-etdi keys generate: --secret-file is given twice; give it once',
      ]);
      expect(await readdir(folder)).to.have.members(['secret', 'other']);
    });

    it('from no file that others can read', async () => {
      await writeFile(secretFile(), SECRET);
      for (const mode of [0o644, 0o640, 0o604, 0o610]) {
        await chmod(secretFile(), mode);
        const args = ['keys', 'generate', '--directory', directory(), '--secret-file', secretFile()];
        const { code, out, err } = await run(args, {});
        expect([code, out]).to.deep.equal([1, '']);
        expect(err).to.include('is open to other users; run: chmod 600');
      }
      expect(await readdir(folder)).to.deep.equal(['secret']);
    });

    it('from nowhere else, and never shows it', async () => {
      for (const env of [{}, { MCP_ETDI_KEY_SECRET: '' }, { MCP_ETDI_KEY_SECRET: '\n' }]) {
        const { code, err } = await run(['keys', 'generate', '--directory', directory()], env);
        expect(code).to.equal(2);
        expect(err).to.include('MCP_ETDI_KEY_SECRET');
      }
      const { code, err } = await run(['keys', 'generate', '--directory', directory()], {
        MCP_ETDI_KEY_SECRET: 'too short',
      });
      expect(code).to.equal(1);
      expect(err).not.to.include('too short');
    });

    it('as text only', async () => {
      await writeFile(secretFile(), Buffer.from([0xff, 0xfe, ...Buffer.alloc(30, 0x80)]), { mode: 0o600 });
      const args = ['--directory', directory(), '--secret-file'];
      const { code, err } = await run(['keys', 'generate', ...args, secretFile()], {});
      expect(code).to.equal(2);
      expect(err).to.include('base64');
      expect(await run(['keys', 'list', ...args, join(folder, 'none')], {})).to.include({ code: 1 });
    });
  });

  it('tells in JSON what went wrong when it is asked for JSON', async () => {
    const cases: [string, string[], number, string][] = [
      ['no store', ['list', '--directory', directory(), '--json'], 1, 'store_missing'],
      ['no directory', ['list', '--json'], 2, 'usage'],
      ['an unknown option', ['list', '--json', '--key-dir', 'x'], 2, 'usage'],
      ['an unknown command', ['delete', '--json'], 2, 'usage'],
      ['no command', ['--json'], 2, 'usage'],
      ['no file', ['list', '--directory', directory(), '--secret-file', join(folder, 'none'), '--json'], 1, 'ENOENT'],
      ['an option twice', ['list', '--directory', 'a', '--directory', 'b', '--json'], 2, 'usage'],
    ];
    for (const [what, args, expected, name] of cases) {
      const env = name === 'ENOENT' ? {} : { MCP_ETDI_KEY_SECRET: SECRET };
      const { code, out, err } = await run(['keys', ...args], env);
      const { error } = JSON.parse(err) as { error: { code: string; message: string } };
      expect({ code, out, error: error.code }, what).to.deep.equal({ code: expected, out: '', error: name });
      expect(error.message, what).to.be.a('string').and.not.to.equal('');
    }
  });

  // A device of Linux on which no byte can be written.
  if (existsSync('/dev/full')) {
    it('says in one line that its output cannot be written, and fails', async () => {
      const program = fileURLToPath(new URL('../../cli/index.ts', import.meta.url));
      const full = openSync('/dev/full', 'w');
      try {
        for (const args of [['--help'], ['keys', 'generate', '--directory', directory(), '--json']]) {
          const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
            env: { ...process.env, MCP_ETDI_KEY_SECRET: SECRET },
            stdio: ['ignore', full, 'pipe'],
          });
          const [err, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')]);
          expect(code).to.equal(1);
          expect(err.trim().split('\n'), err).to.have.length(1);
          const message = args.includes('--json')
            ? (JSON.parse(err) as { error: { message: string } }).error.message
            : err;
          expect(message).to.include('the output cannot be written');
        }
      } finally {
        closeSync(full);
      }
    });
  }

  it('runs as a program', async () => {
    const program = fileURLToPath(new URL('../../cli/index.ts', import.meta.url));
    const start = async (...args: string[]): Promise<Result> => {
      const child = spawn(process.execPath, ['--import', 'tsx', program, 'keys', ...args], {
        env: { ...process.env, MCP_ETDI_KEY_SECRET: SECRET },
      });
      const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      return { out, err, code: code as number };
    };
    const { code, out } = await start('generate', '--purpose', 'request', '--directory', directory());
    expect(code).to.equal(0);
    expect(out).to.match(/request +ES256 +active/);
    expect(await start('list')).to.include({ code: 2, out: '' });
  });

  describe('proof-key', () => {
    it('prints a private JWK with its alg, without a store and without a secret', async () => {
      const { code, out, err } = await run(['keys', 'proof-key', '--algorithm', 'Ed25519'], {});
      expect([code, err]).to.deep.equal([0, '']);
      expect(JSON.parse(out)).to.include({ kty: 'OKP', alg: 'Ed25519' }).and.to.have.property('d');
    });

    it('writes it into a new file that nobody else can read, and prints its thumbprint alone', async () => {
      const file = join(folder, 'proof.json');
      const { code, out } = await run(['keys', 'proof-key', '--out', file], {});
      const written = await readFile(file, 'utf8');
      const { kid } = JSON.parse(written) as { kid: string };
      expect([code, out]).to.deep.equal([0, `${kid}\n`]);
      if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).to.equal(0o600);
      const again = await run(['keys', 'proof-key', '--out', file], {});
      expect([again.code, again.out]).to.deep.equal([1, '']);
      expect(await readFile(file, 'utf8')).to.equal(written);
    });

    it('takes no algorithm that proofs cannot have', async () => {
      expect(await run(['keys', 'proof-key', '--algorithm', 'HS256'], {})).to.include({ code: 2, out: '' });
    });
  });
});
