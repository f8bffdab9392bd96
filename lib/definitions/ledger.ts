import { Unavailable } from '../denial.js';
import { inTime } from '../inTime.js';
import type { Tools } from '../tools/defineTools.js';
import type { Report } from './events.js';
import type { WireForm } from './form.js';
import type { Prepare, PreparedTool } from './prepare.js';
import type { ToolSource } from './source.js';
import type { VersionStore } from './versions.js';

export interface LedgerOptions {
  readonly tools: Tools;
  readonly server: string;
  readonly versions: VersionStore;
  readonly source: ToolSource | undefined;
  readonly prepare: Prepare;
  readonly report: Report;
}

/** What is served under a version of a tool in one form. */
interface Standing {
  /** What the version stands for. */
  readonly digest: string | undefined;
  /** Whether something else is served. */
  readonly changed: boolean;
}

const SOURCE_MS = 10_000;
const OUTAGE = 'The definitions of the tools are unavailable';

/** Knows of each tool whether it still is what its version stands for. */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #standings = new Map<string, Map<string, Standing>>();
  readonly #served = new Set<string>();
  /** What this process reported as changed. */
  readonly #reported = new Set<string>();
  #opened: Promise<void> | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /**
   * Learns what was known before this process came, and what is served now. Once, unless it fails.
   * @throws {Unavailable}
   */
  open(): Promise<void> {
    return (this.#opened ??= this.#learn().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    }));
  }

  /** Whether a tool is what its version stands for, so that it may be published. */
  async admit(form: WireForm, tool: PreparedTool): Promise<boolean> {
    const { name, version, digest } = tool;
    this.#served.add(name);
    const before = this.#standings.get(name)?.get(form);
    if (digest === undefined) {
      this.#set(name, form, { digest: before?.digest, changed: true });
      return false;
    }
    if (before?.digest === digest && !before.changed) return true;
    const { versions, server, report } = this.#options;
    const seen = { name, version, form, digest };
    const pinned = await versions.pin(name, version, form, digest, server);
    if (pinned === 'changed') {
      this.#set(name, form, { digest: before?.digest, changed: true });
      if (!this.#reported.has(`${form} ${name}`)) report({ type: 'definition_changed', ...seen });
      this.#reported.add(`${form} ${name}`);
      return false;
    }
    this.#set(name, form, { digest, changed: false });
    this.#reported.delete(`${form} ${name}`);
    if (pinned === 'new') report({ type: 'definition_pinned', ...seen });
    else if (before?.changed === true) report({ type: 'definition_restored', ...seen });
    return true;
  }

  /** Reports every policy without a tool, once all that is served was seen. */
  complete(): void {
    const { tools, report } = this.#options;
    for (const name of tools.names) if (!this.#served.has(name)) report({ type: 'tool_missing', name });
  }

  /**
   * Whether a tool is what its version stands for, in every form: what is served in one of them runs for all.
   * @param approved the digest that the caller holds it to, if any
   */
  stands(name: string, approved: unknown): boolean {
    const standings = [...(this.#standings.get(name)?.values() ?? [])];
    if (standings.some(({ changed }) => changed)) return false;
    return approved === undefined || standings.some(({ digest }) => digest === approved);
  }

  /** The digests of all tools that are published in a form, in ascending order. */
  digests(form: WireForm): readonly string[] {
    return [...this.#standings]
      .filter(([name]) => this.stands(name, undefined))
      .flatMap(([, forms]) => forms.get(form)?.digest ?? [])
      .sort();
  }

  async #learn(): Promise<void> {
    const { tools, versions, server, source, prepare } = this.#options;
    for (const [name, { version = '' }] of tools) {
      const known = (await versions.find?.(name, version, server)) ?? [];
      for (const { form, digest, changed } of known) this.#set(name, form, { digest, changed });
    }
    if (source === undefined) return;
    const served = await inTime(Promise.resolve(source()), SOURCE_MS, sourceLate);
    for (const [form, list] of Object.entries(served)) {
      for (const sent of list) {
        const tool = prepare(sent);
        if (tool !== undefined) await this.admit(form as WireForm, tool);
      }
    }
    this.complete();
  }

  #set(name: string, form: string, standing: Standing): void {
    const forms = this.#standings.get(name) ?? new Map<string, Standing>();
    forms.set(form, standing);
    this.#standings.set(name, forms);
  }
}

const sourceLate = (): Unavailable =>
  new Unavailable(OUTAGE, { cause: new Error('the source of the tools did not answer in time') });
