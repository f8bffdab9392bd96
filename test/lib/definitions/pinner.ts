// Pins versions in a process of its own, for tests in which several share one file.
import { fileVersions } from '../../../lib/index.js';
import { SERVER } from './support.js';

const [path = ''] = process.argv.slice(2);
const store = fileVersions(path);

async function pinMany({ prefix, count }: { readonly prefix: string; readonly count: number | null }): Promise<void> {
  const names: string[] = [];
  // Infinity arrives as null.
  for (let index = 0; index < (count ?? Infinity); index += 1) {
    const name = `${prefix}_${index}`;
    await store.pin(name, '1.0.0', 'legacy', `sha256:${'1'.repeat(64)}`, SERVER);
    names.push(name);
    if (count === null) process.send?.(name);
  }
  process.send?.(names);
}

process.once('message', (message) => void pinMany(message as Parameters<typeof pinMany>[0]));
process.send?.('ready');
