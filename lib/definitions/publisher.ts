import type { Signer, SigningKey } from '../keys/signer.js';
import type { Tools } from '../tools/defineTools.js';
import { reporter, type ToolEvent } from './events.js';
import { formOfResult, MANIFEST, metaOf, SIGNATURES, type WireForm, type WireTool } from './form.js';
import type { DetachedSignature } from './jws.js';
import { Ledger } from './ledger.js';
import type { ToolList } from './listing.js';
import { preparer, type Origin, type Prepare, type PreparedTool } from './prepare.js';
import { signDefinition, signManifest } from './sign.js';
import { Signatures } from './signatures.js';
import type { ToolSource } from './source.js';
import type { VersionStore } from './versions.js';

/** The options of `publishTools`, checked and complete. */
export interface PublisherOptions extends Origin {
  readonly tools: Tools;
  readonly signer: Signer;
  readonly versions: VersionStore;
  readonly source: ToolSource | undefined;
  readonly serial: number;
  readonly lifetime: number;
  readonly onEvent: ((event: ToolEvent) => unknown) | undefined;
  readonly now: () => Date;
}

/** Makes lists of signed tools out of lists of tools. */
export class Publisher {
  readonly ledger: Ledger;
  readonly #options: PublisherOptions;
  readonly #prepare: Prepare;
  readonly #signatures: Signatures<DetachedSignature>;
  readonly #manifests: Signatures<string>;

  constructor(options: PublisherOptions) {
    const { tools, server, publisher, versions, source, lifetime, now } = options;
    const report = reporter(options.onEvent);
    this.#options = options;
    this.#prepare = preparer(tools, { server, publisher }, report);
    this.ledger = new Ledger({ tools, server, versions, source, prepare: this.#prepare, report });
    this.#signatures = new Signatures({ lifetime, now, most: 100 + 4 * tools.names.length });
    this.#manifests = new Signatures({ lifetime, now, most: 100 });
  }

  /**
   * A page of tools as a client gets it: only tools that are defined, unchanged and shown, each signed.
   * @param shows whether the client may know of a tool; nothing when lists are the same for everybody
   */
  async publish(page: ToolList, shows: ((name: string) => boolean) | undefined): Promise<ToolList> {
    await this.ledger.open();
    const form = formOfResult(page);
    const admitted = await this.#admit(form, page);
    const key = await this.#options.signer.current();
    const shown = shows === undefined ? admitted : admitted.filter(({ name }) => shows(name));
    const tools = await Promise.all(shown.map((tool) => this.#signed(tool, key)));
    const manifest = await this.#manifest(form, key);
    return {
      ...page,
      ...(shows === undefined || (form === 'legacy' && page['cacheScope'] === undefined)
        ? {}
        : { cacheScope: 'private' }),
      tools,
      _meta: { ...metaOf(page), [MANIFEST]: manifest },
    };
  }

  async #admit(form: WireForm, { tools, nextCursor }: ToolList): Promise<readonly PreparedTool[]> {
    const admitted: PreparedTool[] = [];
    for (const sent of tools) {
      const tool = this.#prepare(sent);
      if (tool !== undefined && (await this.ledger.admit(form, tool))) admitted.push(tool);
    }
    if (nextCursor === undefined) this.ledger.complete();
    return admitted.filter(({ name }) => this.ledger.stands(name, undefined));
  }

  async #signed({ digest = '', tool }: PreparedTool, key: SigningKey): Promise<WireTool> {
    const signature = await this.#signatures.get(digest, key, (terms) => signDefinition(tool, terms));
    return { ...tool, _meta: { ...metaOf(tool), [SIGNATURES]: [signature] } };
  }

  #manifest(form: WireForm, key: SigningKey): Promise<string> {
    const { server, publisher, serial } = this.#options;
    const tools = this.ledger.digests(form);
    return this.#manifests.get(tools.join(' '), key, (terms) =>
      signManifest({ server, publisher, serial, tools }, terms),
    );
  }
}
