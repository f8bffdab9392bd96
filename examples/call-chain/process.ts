// One of the servers, in a process of its own: it listens, is told its settings, and ends with whoever started it.
import { openKeyStore } from '../../lib/index.js';
import { listen } from '../support/loopback.js';
import { SERVERS } from './servers.js';
import type { Settings } from './settings.js';

const loopback = await listen(0);
const closing = [loopback.close];
process.once('disconnect', () => void Promise.all(closing.map((close) => close())));
process.once('message', (settings: Settings) => void begin(settings));
process.send?.(loopback.origin);

async function begin(settings: Settings): Promise<void> {
  const { name, directory, secret } = settings;
  const keys = await openKeyStore({ directory, secret, create: false });
  closing.push(keys.close);
  loopback.serve(SERVERS[name](settings, keys));
  process.send?.('ready');
}
