// A process that writes one lock file again and again, of one tool or of many: its argument is the path.
import { lockedTools, updateLock, type LockedTool } from '../../cli/tools/toolLock.js';

const [file = ''] = process.argv.slice(2);
const toolsOf = (count: number): readonly LockedTool[] =>
  lockedTools('https://mcp.example/mcp', [
    {
      form: 'legacy',
      tools: Array.from({ length: count }, (_one, at) => ({ name: `tool-${at}`, description: 'x'.repeat(2000) })),
      keyRotations: [],
      manifests: new Map(),
      duplicates: new Set(),
    },
  ]);
const [few, many] = [toolsOf(1), toolsOf(60)];
await updateLock(file, () => few);
process.send?.('ready');
for (;;) {
  await updateLock(file, () => many);
  await updateLock(file, () => few);
}
