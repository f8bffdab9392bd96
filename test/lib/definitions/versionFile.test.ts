import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { fileVersions, Unavailable } from '../../../lib/index.js';
import { SERVER } from './support.js';

const PROGRAM = fileURLToPath(new URL('pinner.ts', import.meta.url));
const [ONE, TWO] = ['1', '2'].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string];

describe('the lock file', () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'etdi-lock-'));
    path = join(directory, 'mcp-tools.lock.json');
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('reads well, in an order that does not depend on who came first', async () => {
    const store = fileVersions(path);
    await store.pin('b', '1.0.0', 'modern', TWO, SERVER);
    await store.pin('b', '1.0.0', 'legacy', ONE, SERVER);
    await store.pin('__proto__', '1.0.0', 'legacy', ONE, SERVER);
    await store.pin('a', '1.0.0', 'legacy', ONE, 'https://a.example');
    expect(await readFile(path, 'utf8')).to.equal(
      [
        '{',
        '  "lockfileVersion": 1,',
        '  "servers": {',
        '    "https://a.example": {',
        '      "a": {',
        '        "1.0.0": {',
        `          "legacy": "${ONE}"`,
        '        }',
        '      }',
        '    },',
        `    "${SERVER}": {`,
        '      "__proto__": {',
        '        "1.0.0": {',
        `          "legacy": "${ONE}"`,
        '        }',
        '      },',
        '      "b": {',
        '        "1.0.0": {',
        `          "legacy": "${ONE}",`,
        `          "modern": "${TWO}"`,
        '        }',
        '      }',
        '    }',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('says so when another definition was seen, and is as before when that is over', async () => {
    const store = fileVersions(path);
    await store.pin('a', '1.0.0', 'legacy', ONE, SERVER);
    const before = await readFile(path, 'utf8');
    await store.pin('a', '1.0.0', 'legacy', TWO, SERVER);
    const file = JSON.parse(await readFile(path, 'utf8')) as unknown;
    expect(file)
      .to.have.nested.property('changed')
      .that.deep.equals({ [SERVER]: { a: { '1.0.0': { legacy: TWO } } } });
    expect(await fileVersions(path).find?.('a', '1.0.0', SERVER)).to.deep.equal([
      { form: 'legacy', digest: ONE, changed: true },
    ]);
    await store.pin('a', '1.0.0', 'legacy', ONE, SERVER);
    expect(await readFile(path, 'utf8')).to.equal(before);
  });

  it('keeps the members of others, in one order and one line for each of a definition', async () => {
    const definitions = {
      [SERVER]: { b: { legacy: { name: 'b', inputSchema: { type: 'object', a: 1 } } }, a: { legacy: {} } },
      'https://a.example': JSON.parse('{"__proto__":{"legacy":{"description":"A\\u200b"}}}') as object,
    };
    const others = { note: 'ours', definitions, list: [1, { b: 2, a: 1 }] };
    await writeFile(path, JSON.stringify({ lockfileVersion: 1, servers: {}, ...others }));
    const store = fileVersions(path);
    await store.pin('a', '1.0.0', 'legacy', ONE, SERVER);
    await store.pin('a', '1.0.0', 'legacy', TWO, SERVER);
    const text = await readFile(path, 'utf8');
    const file = JSON.parse(text) as Record<string, unknown>;
    expect(Object.keys(file)).to.deep.equal(['lockfileVersion', 'servers', 'changed', 'note', 'definitions', 'list']);
    expect(file).to.deep.include(others);
    expect(text).to.match(/^[\n\x20-\x7e]*$/);
    expect(text).to.include(
      [
        '  "note": "ours",',
        '  "definitions": {',
        '    "https://a.example": {',
        '      "__proto__": {',
        '        "legacy": {',
        '          "description": "A\\u200b"',
        '        }',
        '      }',
        '    },',
        `    "${SERVER}": {`,
        '      "a": {',
        '        "legacy": {}',
        '      },',
        '      "b": {',
        '        "legacy": {',
        '          "inputSchema": {"a":1,"type":"object"},',
        '          "name": "b"',
        '        }',
        '      }',
        '    }',
        '  },',
        '  "list": [1,{"a":1,"b":2}]',
        '}',
        '',
      ].join('\n'),
    );
    await store.pin('a', '1.0.0', 'legacy', ONE, SERVER);
    expect(JSON.parse(await readFile(path, 'utf8'))).to.deep.equal({
      lockfileVersion: 1,
      servers: { [SERVER]: { a: { '1.0.0': { legacy: ONE } } } },
      ...others,
    });
  });

  it('is not written where nothing is new', async () => {
    const store = fileVersions(path);
    await store.find?.('a', '1.0.0', SERVER);
    expect(await readdir(directory)).to.deep.equal([]);
    await store.pin('a', '1.0.0', 'legacy', ONE, SERVER);
    await store.pin('a', '1.0.0', 'legacy', TWO, SERVER);
    const { ino } = await stat(path);
    await store.pin('a', '1.0.0', 'legacy', TWO, SERVER);
    await store.pin('a', '1.0.0', 'legacy', `sha256:${'3'.repeat(64)}`, SERVER);
    expect((await stat(path)).ino).to.equal(ino);
    expect(await readdir(directory)).to.deep.equal(['mcp-tools.lock.json']);
  });

  it('is known by what the path meant when it was opened', async () => {
    const store = fileVersions(relative(process.cwd(), path));
    expect(await store.pin('a', '1.0.0', 'legacy', ONE, SERVER)).to.equal('new');
    expect(await fileVersions(path).pin('a', '1.0.0', 'legacy', TWO, SERVER)).to.equal('changed');
  });

  it('counts as complete when it is frozen, and is never written', async () => {
    await fileVersions(path).pin('a', '1.0.0', 'legacy', ONE, SERVER);
    const before = await readFile(path, 'utf8');
    const frozen = fileVersions(path, { frozen: true });
    expect(await frozen.pin('a', '1.0.0', 'legacy', ONE, SERVER)).to.equal('same');
    expect(await frozen.pin('a', '1.0.0', 'legacy', TWO, SERVER)).to.equal('changed');
    expect(await frozen.pin('a', '1.0.1', 'legacy', TWO, SERVER)).to.equal('changed');
    expect(await frozen.pin('b', '1.0.0', 'legacy', TWO, SERVER)).to.equal('changed');
    expect(await readFile(path, 'utf8')).to.equal(before);
    expect(await readdir(directory)).to.deep.equal(['mcp-tools.lock.json']);
  });

  for (const [what, text] of [
    ['an empty file', ''],
    ['half of a file', '{"lockfileVersion":1,"servers":{'],
    ['a conflict of a merge', '<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n'],
    ['a list', '[]'],
    ['another version', '{"lockfileVersion":2,"servers":{}}'],
    ['no servers', '{"lockfileVersion":1}'],
    ['a member twice', '{"lockfileVersion":1,"servers":{},"servers":{}}'],
    ['a digest that was cut', `{"lockfileVersion":1,"servers":{"s":{"a":{"1.0.0":{"legacy":"${ONE.slice(0, -1)}"}}}}}`],
    ['a digest at the wrong depth', `{"lockfileVersion":1,"servers":{"s":{"a":{"1.0.0":"${ONE}"}}}}`],
    ['marks that are none', `{"lockfileVersion":1,"servers":{},"changed":[]}`],
  ] as const) {
    it(`is Unavailable when it holds ${what}, and says what to do`, async () => {
      await writeFile(path, text);
      const store = fileVersions(path);
      for (const attempt of [
        () => store.pin('a', '1.0.0', 'legacy', ONE, SERVER),
        () => store.find?.('a', '1.0.0', SERVER),
      ]) {
        const error = await Promise.resolve(attempt()).catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(Unavailable);
        const { message, cause } = error as Error & { cause: Error };
        expect(message).to.equal('The versions of the tools are unavailable');
        expect(cause.message).to.equal(`'${path}' is not a lock file of tools; restore it from version control`);
      }
      expect(await readFile(path, 'utf8')).to.equal(text);
    });
  }

  it('is Unavailable when it cannot be read or written', async () => {
    await mkdir(path);
    const unreadable = await Promise.resolve(fileVersions(path).find?.('a', '1.0.0', SERVER)).catch((e: unknown) => e);
    expect(unreadable).to.be.instanceOf(Unavailable);
    const nowhere = fileVersions(join(directory, 'none', 'x.json'));
    const unwritable = await Promise.resolve(nowhere.pin('a', '1.0.0', 'legacy', ONE, SERVER)).catch((e: unknown) => e);
    expect(unwritable).to.be.instanceOf(Unavailable);
  });

  it('needs a path and known options', () => {
    expect(() => fileVersions('')).to.throw(TypeError, 'name a file');
    expect(() => fileVersions(path, { frozn: true } as never)).to.throw(TypeError, "did you mean 'frozen'");
    expect(() => fileVersions(path, { frozen: 1 } as never)).to.throw(TypeError, "'frozen' must be true or false");
  });

  describe('shared by processes', () => {
    const children: ChildProcess[] = [];

    const start = async (): Promise<ChildProcess> => {
      const child = fork(PROGRAM, [path], { execArgv: ['--import', 'tsx'], stdio: 'inherit' });
      children.push(child);
      await once(child, 'message');
      return child;
    };

    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
    });

    it('loses nothing that any of them wrote', async function () {
      this.timeout(60_000);
      const pinned = await Promise.all(
        (await Promise.all([start(), start()])).map(async (child, index) => {
          child.send({ prefix: `p${index}`, count: 15 });
          const [names] = (await once(child, 'message')) as [string[]];
          return names;
        }),
      );
      const store = fileVersions(path);
      for (const name of pinned.flat()) expect(await store.find?.(name, '1.0.0', SERVER), name).to.have.lengthOf(1);
      expect(pinned.flat()).to.have.lengthOf(30);
    });

    it('is the old or the new one when a process is killed while it writes', async function () {
      this.timeout(60_000);
      for (const milliseconds of [3, 11, 23, 41]) {
        const child = await start();
        const reported: string[] = [];
        child.on('message', (name) => reported.push(name as string));
        child.send({ prefix: `k${milliseconds}`, count: Infinity });
        await once(child, 'message');
        await pause(milliseconds);
        const gone = once(child, 'close');
        child.kill('SIGKILL');
        await gone;
        const store = fileVersions(path);
        for (const name of reported) expect(await store.find?.(name, '1.0.0', SERVER), name).to.have.lengthOf(1);
        // Nor does what was left behind keep the next one from writing.
        expect(await store.pin(`after${milliseconds}`, '1.0.0', 'legacy', ONE, SERVER)).to.equal('new');
        expect(await readdir(directory)).to.deep.equal(['mcp-tools.lock.json']);
      }
    });
  });
});
