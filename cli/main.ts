import { audit } from './audit.js';
import { group, OK, type Command, type Io } from './command.js';
import { doctor } from './doctor.js';
import { keys } from './keys.js';
import { tools } from './tools.js';
import { packageVersion } from './version.js';

/** Every command. A further one is a file and a line here. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['audit', audit],
  ['doctor', doctor],
  ['keys', keys],
  ['tools', tools],
]);

const NOTES = 'Version: mcp-etdi --version\n';

/** Runs one command line, without the name of the program, and returns the exit code: 0 done, 1 failed, 2 misused. */
export function main(args: readonly string[], io: Io): Promise<number> {
  if (args.length === 1 && args[0] === '--version') return printVersion(io);
  return group('mcp-etdi', 'Looks after what protects an MCP server.', COMMANDS, NOTES).run(args, io);
}

function printVersion({ stdout }: Io): Promise<number> {
  stdout(`${packageVersion()}\n`);
  return Promise.resolve(OK);
}
