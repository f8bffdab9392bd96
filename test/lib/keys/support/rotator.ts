import { openKeyStore } from '../../../../lib/keys/keyStore.js';
import { SECRET } from './store.js';

/** Rotates without end once it is told to, and reports every key that is safely stored. */
async function rotate(directory: string): Promise<void> {
  const store = await openKeyStore({ directory, secret: SECRET });
  for (;;) {
    const [key] = await store.rotate('request', { immediately: true });
    process.send?.(key?.keyId);
  }
}

const [directory = ''] = process.argv.slice(2);
process.once('message', () => void rotate(directory));
process.send?.('ready');
