// One contender in a process of its own, as it would be served: over a socket, or in memory.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dpopContenders } from './contenders/dpop.js';
import { contenders } from './contenders/index.js';
import type { Setup } from './contenders/contender.js';
import { profileContenders } from './contenders/profiles.js';
import { connect, requestBytes, type Drive } from './memory.js';

/** CPU time of the process since it started, all threads included, in microseconds. */
export interface Meter {
  readonly cpu: number;
}

/** Headers of requests that are to be served in memory. The answer tells the CPU time of all of them. */
export interface Load {
  readonly requests: readonly Readonly<Record<string, string>>[];
}

const [, , name = '', setup = ''] = process.argv;
const contender = [...contenders, ...dpopContenders, ...profileContenders].find((one) => one.name === name);
if (contender === undefined) throw new TypeError(`no contender is named '${name}'`);

const listener = await contender.build(JSON.parse(setup) as Setup);
const server = createServer(listener);
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  // It has no sockets that could be late.
  const drive = connect(createServer({ headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 }, listener));
  process.on('message', (asked: 'meter' | Load) => {
    void (asked === 'meter' ? readMeter() : serve(drive, asked)).then((meter) => process.send?.(meter));
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: (server.address() as AddressInfo).port });
});

function readMeter(before?: NodeJS.CpuUsage): Promise<Meter> {
  const { user, system } = process.cpuUsage(before);
  return Promise.resolve({ cpu: user + system });
}

async function serve(drive: Drive, { requests }: Load): Promise<Meter> {
  const bytes = requests.map(requestBytes);
  const before = process.cpuUsage();
  await drive(bytes);
  return readMeter(before);
}
