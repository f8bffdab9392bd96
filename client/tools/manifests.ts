import type { DefinitionFault, VerifiedManifest } from '../../lib/definitions/verify.js';
import { verifyManifest } from '../../lib/definitions/verify.js';
import type { Trust } from '../../lib/keys/trust.js';
import { canonicalResource } from '../../lib/url.js';
import type { Approvals } from './approvals.js';
import { isRollback, remember } from './serials.js';
import type { DenyReason } from './verdict.js';

/** What the manifest of a list proves about the tools in it. */
export interface ListFacts {
  /** Why no tool of the list may be called. */
  readonly reason?: DenyReason;
  /** What is wrong with the signature of the manifest. */
  readonly fault?: DefinitionFault;
  /** The tools that there are; nothing where no manifest was ever seen. */
  readonly digests?: ReadonlySet<string>;
  /** When the manifest expired, where it has. */
  readonly expired?: Date;
}

export interface ManifestsOptions {
  readonly server: string;
  readonly approvals: Approvals;
  /** For how long a lower serial is a rolling deployment, in milliseconds. */
  readonly graceMs: number;
}

/** For how long a verified manifest is not verified again, in milliseconds. */
const HELD_MS = 30_000;

/** Judges the manifests of one server, and remembers their serials. */
export class Manifests {
  readonly #options: ManifestsOptions;
  #held: { readonly text: unknown; readonly at: number; readonly verified: VerifiedManifest } | undefined;

  constructor(options: ManifestsOptions) {
    this.#options = options;
  }

  /**
   * @param manifest as it came with the list; `null` where the list carried none
   * @throws {Unavailable} when keys or what was seen before cannot be had
   */
  async judge(manifest: unknown, find: Trust['find'], now: Date): Promise<ListFacts> {
    const { server, approvals, graceMs } = this.#options;
    const known = await approvals.deployments(server);
    // A server that has none is one thing. One that had some is another: without it, old tools could be mixed with new.
    if (manifest === null || manifest === undefined) return known.length === 0 ? {} : { reason: 'manifest_vanished' };
    const verified = await this.#verify(manifest, find, now);
    if (typeof verified === 'string') return { reason: 'manifest_invalid', fault: verified };
    const { manifest: stated, expiresAt } = verified;
    if (canonicalResource(stated.server) !== canonicalResource(server)) return { reason: 'manifest_invalid' };
    if (isRollback(known, stated.serial, now, graceMs)) return { reason: 'serial_lower' };
    const next = remember(known, stated.serial, now, graceMs);
    if (next !== known) await approvals.saveDeployments(server, next);
    return { digests: new Set(stated.tools), ...(expiresAt <= now ? { expired: expiresAt } : {}) };
  }

  async #verify(manifest: unknown, find: Trust['find'], now: Date): Promise<VerifiedManifest | DefinitionFault> {
    const held = this.#held;
    const age = now.getTime() - (held?.at ?? 0);
    if (held !== undefined && held.text === manifest && age >= 0 && age < HELD_MS) return held.verified;
    const verified = await verifyManifest(manifest, find, now, { expired: 'take' });
    if (typeof verified !== 'string') this.#held = { text: manifest, at: now.getTime(), verified };
    return verified;
  }
}
