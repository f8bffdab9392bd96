import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { RequestContext } from '../context.js';
import { escapeText } from '../text.js';
import { contentOf, nothingSpent, type AuditContentMode, type Spent } from './content.js';
import type { AuditedContent, AuditedMessage } from './record.js';
import { maskName, maskRandom, maskSecrets, OwnSecrets } from './secrets.js';
import { maskNear } from './secrets/near.js';

/** How much of what a client sends is recorded. */
export interface PrivacyOptions {
  readonly arguments: AuditContentMode;
  readonly results: AuditContentMode;
  /** The key of digests. */
  readonly key: KeyObject;
  /** Whether arguments are made when somebody looks at them, and not before. Default: false. */
  readonly lazy?: boolean;
}

const MAX_TEXT = 256;
/** As this package writes its own ids: in lower case. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A key for digests that are compared within one process only. */
export function ownDigestKey(): KeyObject {
  return createSecretKey(randomBytes(32));
}

/** Makes what one request says fit to be recorded: its own secrets are masked wherever they turn up. */
export class Privacy {
  readonly #options: PrivacyOptions;
  readonly #own: OwnSecrets;
  #messages: readonly AuditedMessage[] | undefined;

  constructor(options: PrivacyOptions, { headers }: RequestContext['request']) {
    this.#options = options;
    this.#own = new OwnSecrets(headers);
  }

  /** A name: masked where it is known to hold a secret. */
  text(text: string, most: number = MAX_TEXT): string {
    return shortened(text, most, (part) => maskName(part, this.#own));
  }

  /** A text in which nothing random needs to be told apart, such as a path. */
  path(text: string): string {
    return shortened(text, MAX_TEXT, (part) => maskRandom(maskSecrets(part, this.#own)));
  }

  /** Whether a text holds something that the request proves its caller with. */
  holdsOwn(text: string): boolean {
    return this.#own.mask(text) !== text;
  }

  id(id: string, most: number): string {
    return UUID.test(id) && !this.holdsOwn(id)
      ? id
      : shortened(id, most, (part) => maskRandom(maskSecrets(part, this.#own)));
  }

  /** @param spent what other arguments in the same record have used up of its limits */
  arguments(value: unknown, spent: Spent = nothingSpent()): AuditedContent | undefined {
    return contentOf(value, this.#options.arguments, this.#options.key, this.#own, spent);
  }

  result(value: unknown): AuditedContent | undefined {
    return contentOf(value, this.#options.results, this.#options.key, this.#own);
  }

  /** What is recorded of the messages of the request, made for its first event. */
  messages(make: () => readonly AuditedMessage[]): readonly AuditedMessage[] {
    return (this.#messages ??= make());
  }

  get recordsArguments(): boolean {
    return this.#options.arguments !== 'none';
  }

  get isLazy(): boolean {
    return this.#options.lazy === true;
  }
}

function shortened(text: string, most: number, mask: (near: string) => string): string {
  const shown = maskNear(text, most, mask);
  return escapeText(shown.masked, shown.most);
}
