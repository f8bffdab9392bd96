// Traffic of all kinds while one thing after the other fails.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startRedis, type TestRedis } from '../test/support/redis.js';
import { Authority } from './authority.js';
import { REVOKED, useUpRate } from './bad.js';
import { openDisk, type Disk } from './disk.js';
import type { ErrorLog } from './errorLog.js';
import { Faults, type Event, type Fault } from './faults.js';
import { ServerProcess, type Measured } from './process.js';
import { SocketSender } from './send.js';
import { Tally } from './tally.js';
import { Archive, readFacts, type TrailFacts } from './trail.js';
import { KINDS, sendTraffic } from './traffic.js';
import { openParties, openWorld, revoke, type World } from './world.js';

export interface SoakSettings {
  readonly seconds: number;
  readonly rate: number;
  readonly say: (line: string) => void;
}

/** What a run came to. */
export interface SoakReport {
  readonly seconds: number;
  readonly disk: string;
  readonly tally: Tally;
  readonly faults: Faults;
  readonly held: number;
  readonly late: number;
  readonly crashes: number;
  readonly errors: ErrorLog;
  readonly warm: Measured | undefined;
  readonly end: Measured | undefined;
  readonly trail: TrailFacts;
}

/** The first part of a run: what the process needs once is there afterwards. */
const WARM_UP = 0.15;
const LONGEST_WARM_UP = 15;

interface Stage {
  readonly world: World;
  readonly server: ServerProcess;
  readonly redis: TestRedis;
  readonly disk: Disk;
  readonly archive: Archive;
  readonly authority: Authority;
}

/** Runs it all, and leaves nothing behind, not even when it is interrupted. */
export async function soak(settings: SoakSettings): Promise<SoakReport> {
  const closers: (() => unknown)[] = [];
  let interrupt = (): void => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => {
    interrupt = () => {
      reject(new Error('interrupted'));
    };
  });
  // What happens before everything is there counts once it is.
  interrupted.catch(() => undefined);
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const stage = await setUp(closers);
    return await Promise.race([runAll(settings, stage, closers), interrupted]);
  } finally {
    for (const close of closers.reverse()) await close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function runAll(
  { seconds, rate, say }: SoakSettings,
  stage: Stage,
  closers: (() => unknown)[],
): Promise<SoakReport> {
  const { world, server, disk, archive } = stage;
  await useUpRate(world);
  const tally = new Tally(KINDS);
  const faults = new Faults();
  const warming = pause(Math.min(seconds * WARM_UP, LONGEST_WARM_UP) * 1000).then(() => server.ask('measure'));
  const ticker = setInterval(() => {
    say(`  ${tally.judged()} requests, ${faults.windows.at(-1)?.name ?? 'nothing'} was down last`);
  }, 20_000);
  closers.push(() => {
    clearInterval(ticker);
  });
  const [{ served, held, late }] = await Promise.all([
    sendTraffic(world, { rate, seconds, tally, outageSince: (from) => faults.outageSince(from) }),
    faults.run(seconds, faultsOf(stage), eventsOf(stage)),
  ]);
  const warm = await warming;
  await pause(1000);
  const end = await server.ask('measure');
  const { crashes, errors } = server;
  const keys = (await server.ask('close')) ?? { keys: [] };
  const trail = await readFacts(await archive.close(), keys, served);
  return { seconds, disk: disk.kind, tally, faults, held, late, crashes, errors, warm, end, trail };
}

async function setUp(closers: (() => unknown)[]): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'etdi-soak-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const disk = await openDisk();
  closers.push(() => disk.close());
  const redis = await startRedis({ durable: true });
  closers.push(() => redis.close());
  const authority = await Authority.open();
  closers.push(() => authority.close());
  const parties = await openParties(directory);
  closers.push(() => parties.close());
  await revoke(redis.port, authority.issuer, REVOKED);

  const auditFile = join(disk.directory, 'audit.jsonl');
  const server = await ServerProcess.start({
    redis: redis.port,
    issuer: authority.issuer,
    directory,
    auditFile,
    ...parties.trusted,
  });
  closers.push(() => {
    server.kill();
  });
  const archive = new Archive(auditFile, join(directory, 'archive'));
  closers.push(() => archive.stop());
  const sender = new SocketSender(server.port);
  closers.push(() => {
    sender.close();
  });
  return { world: openWorld(parties, authority, sender), server, redis, disk, archive, authority };
}

/** In a cycle of two minutes one after the other, and none before there was traffic without any. */
function faultsOf({ server, redis, disk, archive, authority }: Stage): readonly Fault[] {
  return [
    {
      name: 'Redis is killed',
      at: 0.2,
      lasts: 0.05,
      least: 1,
      grace: 2,
      begin: () => redis.stop(),
      end: () => redis.start(),
    },
    {
      name: 'the audit disk is full',
      at: 0.4,
      lasts: 0.07,
      least: 1.5,
      grace: 3,
      begin: async () => {
        await archive.pause();
        await disk.fill(server.pid);
      },
      end: async () => {
        await disk.free(server.pid);
        archive.goOn();
      },
    },
    {
      // After a failure the server asks for keys once in five seconds.
      name: 'the authorization server is away',
      at: 0.6,
      lasts: 0.08,
      least: 3,
      grace: 7,
      begin: () => authority.goAway(),
      end: () => authority.comeBack(),
    },
    {
      name: 'Redis stalls',
      at: 0.85,
      lasts: 0.03,
      least: 0.5,
      grace: 2,
      begin: redis.stall,
      end: redis.goOn,
    },
  ];
}

/** What nobody may feel. */
function eventsOf({ world, server, authority }: Stage): readonly Event[] {
  const issuer = (): void => {
    authority.rotate();
  };
  return [
    { name: 'the authorization server changes its key', at: 0.03, happen: issuer },
    { name: 'the server changes its keys', at: 0.08, happen: () => server.ask('rotate') },
    { name: 'the agent changes its key', at: 0.1, happen: () => world.agent.rotate() },
    { name: 'the server changes its keys', at: 0.41, happen: () => server.ask('rotate') },
    { name: 'the authorization server changes its key', at: 0.52, happen: issuer },
  ];
}
