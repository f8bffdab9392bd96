import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** An empty project in which what the pages show runs as it stands there: the package is the sources of this repository. */
export interface Project {
  readonly folder: string;
  /** What Node needs for it. */
  readonly nodeOptions: readonly string[];
  readonly write: (files: Readonly<Record<string, string>>) => void;
  readonly remove: () => void;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES = ['express', 'koa', 'zod', 'ioredis', 'redis', 'supertest', '@modelcontextprotocol'];

export function createProject(): Project {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'etdi-project-')));
  const write: Project['write'] = (files) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  };
  write({ 'package.json': JSON.stringify({ name: 'project', private: true, type: 'module' }) });
  const own = join(folder, 'node_modules', 'mcp-etdi');
  mkdirSync(own, { recursive: true });
  for (const name of PACKAGES) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  symlinkSync(ROOT, join(own, 'sources'));
  writeFileSync(
    join(own, 'package.json'),
    JSON.stringify({ name: 'mcp-etdi', type: 'module', exports: fromSources() }),
  );
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    folder,
    nodeOptions: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href],
    write,
    remove,
  };
}

/** The entry points of the package, each as the file that it is built from. */
function fromSources(): Readonly<Record<string, string>> {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  const built = Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, target.default] as const],
  );
  return Object.fromEntries(
    built.map(([name, file]) => [name, file.replace('./dist/', './sources/').replace(/\.js$/, '.ts')]),
  );
}
