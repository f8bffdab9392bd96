// `npm run soak`: load and faults. Options: --minutes 30, --rate 250, or --requests 1000000 for the memory of one process.
import { hasRedis } from '../test/support/redis.js';
import { runMillion } from './million.js';
import { readOptions } from './options.js';
import { describe, isSound } from './report.js';
import { soak } from './soak.js';

const say = (line: string): void => {
  console.log(line);
};

async function main(): Promise<boolean> {
  const { seconds, rate, requests } = readOptions(process.argv.slice(2));
  if (requests !== undefined) return runMillion(requests, say);
  if (!hasRedis()) throw new Error('npm run soak needs redis-server');
  say(`${seconds} s of traffic, ${rate} requests a second`);
  const report = await soak({ seconds, rate, say });
  say(describe(report));
  return isSound(report);
}

process.exitCode = (await main()) ? 0 : 1;
