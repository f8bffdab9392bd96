import { notify } from '../tell.js';
import { escapeText } from '../text.js';
import type { WireForm } from './form.js';

/** One definition of one tool, in one of the forms that clients get. */
export interface DefinitionSeen {
  readonly name: string;
  readonly version: string;
  readonly form: WireForm;
  /** As in `digestOfTool`. */
  readonly digest: string;
}

/** What is noticed about the tools of a server. */
export type ToolEvent =
  /** Seen for the first time: from now on this is what the version stands for. */
  | ({ readonly type: 'definition_pinned' } & DefinitionSeen)
  /** Another one than the version stands for. It is not published, and calls of the tool are denied. */
  | ({ readonly type: 'definition_changed' } & DefinitionSeen)
  /** What the version stands for is served again. */
  | ({ readonly type: 'definition_restored' } & DefinitionSeen)
  /** Has no canonical form, so it cannot be signed. It is not published, and calls of the tool are denied. */
  | { readonly type: 'definition_unsignable'; readonly name: string; readonly cause: unknown }
  /** Served without a policy. It is not published. */
  | { readonly type: 'tool_undefined'; readonly name: string }
  /** A policy without a tool that is served. */
  | { readonly type: 'tool_missing'; readonly name: string };

export type Report = (event: ToolEvent) => void;

/** Hears of what is noticed. */
export interface ToolListener {
  (event: ToolEvent): unknown;
  /** Whether it writes down what it hears and tells nobody: what is wrong then becomes a process warning beside it. */
  readonly recordsOnly?: true;
}

/** Beyond so many, names are not told any more. */
const MOST_NAMES = 10_000;

const SENTENCES: Readonly<Record<ToolEvent['type'], string>> = {
  definition_pinned: '',
  definition_changed: 'has changed without a new version, so it is not published and not called; raise its version',
  definition_restored: '',
  definition_unsignable: 'has no canonical form (RFC 8785), so it is not published and not called',
  tool_undefined: 'is served and not defined, so it is not published; add it to defineTools',
  tool_missing: 'is defined and not served',
};

/** Tells a listener each thing once. */
export function reporter(onEvent: ToolListener = warn): Report {
  const told = new Set<string>();
  return (event) => {
    if (!event.type.startsWith('definition_') || event.type === 'definition_unsignable') {
      const key = `${event.type} ${event.name}`;
      if (told.has(key) || told.size === MOST_NAMES) return;
      told.add(key);
    }
    if (onEvent.recordsOnly === true) warn(event);
    notify(onEvent, Object.freeze(event));
  };
}

/** A tool that is hidden must not be so in silence: where nobody listens, a developer still hears of what is wrong. */
function warn({ type, name }: ToolEvent): void {
  const sentence = SENTENCES[type];
  if (sentence !== '') process.emitWarning(`publishTools: the tool '${escapeText(name)}' ${sentence}`);
}
