/** How much of a text is looked at behind what is recorded: a header cannot be longer, and so no token. */
const MARGIN = 16_384;

/** The beginning of a text, in which secrets are masked. */
export interface MaskedBeginning {
  readonly masked: string;
  /** How much of it may be recorded. */
  readonly most: number;
}

/** What is looked at of a text of which `most` is recorded. A secret in that is known by what comes behind it. */
export function nearOf(text: string, most: number): string {
  return text.length > most + MARGIN ? text.slice(0, most + MARGIN) : text;
}

/**
 * Masks as much of a text as is looked at.
 *
 * A secret that is cut in two may not look like one. So what was looked at for no more than to know secrets is left out, and
 * does not move up where others became shorter in front of it.
 */
export function maskNear(text: string, most: number, mask: (near: string) => string): MaskedBeginning {
  const near = nearOf(text, most);
  const masked = mask(near);
  return { masked, most: near === text ? most : Math.max(0, Math.min(most, masked.length - MARGIN)) };
}
