// One contender in a process of its own, as it would be served.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dpopContenders } from './contenders/dpop.js';
import { contenders } from './contenders/index.js';
import type { Setup } from './contenders/contender.js';
import { profileContenders } from './contenders/profiles.js';

/** CPU time of the process since it started, all threads included, in microseconds. */
export interface Meter {
  readonly cpu: number;
}

const [, , name = '', setup = ''] = process.argv;
const contender = [...contenders, ...dpopContenders, ...profileContenders].find((one) => one.name === name);
if (contender === undefined) throw new TypeError(`no contender is named '${name}'`);

const server = createServer(await contender.build(JSON.parse(setup) as Setup));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system } satisfies Meter);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: (server.address() as AddressInfo).port });
});
