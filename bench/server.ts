// One contender in a process of its own, told what to do by its parent.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contenders } from './contenders/index.js';
import type { Setup } from './contenders/contender.js';
import { connect } from './memory.js';

/** What the parent asks: requests in memory, or only the meter. */
export type Ask = { readonly drive: number } | 'meter';

/** CPU time of the process since it started, all threads included, in microseconds. */
export interface Meter {
  readonly cpu: number;
}

const [, , name = '', setup = '', token = ''] = process.argv;
const contender = contenders.find((one) => one.name === name);
if (contender === undefined) throw new TypeError(`no contender is named '${name}'`);

const server = createServer(await contender.build(JSON.parse(setup) as Setup));
// Connections wait for their turn, however long the others take.
server.keepAliveTimeout = server.headersTimeout = server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const drive = connect(server, token);
  process.on('message', (ask: Ask) => {
    const done = ask === 'meter' ? Promise.resolve() : drive(ask.drive);
    void done.then(() => process.send?.({ cpu: cpu() } satisfies Meter));
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port: (server.address() as AddressInfo).port });
});

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
