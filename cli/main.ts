import { audit } from './audit.js';
import { group, type Command, type Io } from './command.js';
import { doctor } from './doctor.js';
import { keys } from './keys.js';
import { tools } from './tools.js';

/** Every command. A further one is a file and a line here. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['audit', audit],
  ['doctor', doctor],
  ['keys', keys],
  ['tools', tools],
]);

/** Runs one command line, without the name of the program, and returns the exit code: 0 done, 1 failed, 2 misused. */
export function main(args: readonly string[], io: Io): Promise<number> {
  return group('mcp-etdi', 'Looks after what protects an MCP server.', COMMANDS).run(args, io);
}
