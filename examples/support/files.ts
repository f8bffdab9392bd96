const files = new Map([['notes.txt', 'Buy milk.']]);
const trash = ['draft.txt'];

/** What a tool answers with. */
export interface TextResult {
  [name: string]: unknown;
  content: { type: 'text'; text: string }[];
}

export function text(value: string): TextResult {
  return { content: [{ type: 'text', text: value }] };
}

export function readFile(name: string): TextResult {
  return text(files.get(name) ?? 'There is no such file.');
}

export function emptyTrash(): TextResult {
  return text(`${trash.splice(0).length} gone`);
}
