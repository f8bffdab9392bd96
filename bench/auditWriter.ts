// One way to write records, in a process of its own. Writes to each file that it is told of, and answers what a record cost.
import { writerOf } from './auditWriters.js';

const write = writerOf(process.argv[2] ?? '');
process.on('message', ({ file }: { readonly file: string }) => {
  void write(file).then((cost) => process.send?.(cost));
});
