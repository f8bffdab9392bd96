/** A bare item of a structured field (RFC 9651 section 3.3). Display strings are not supported. */
export type BareItem =
  | { readonly type: 'integer'; readonly value: number }
  | { readonly type: 'decimal'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'token'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'boolean'; readonly value: boolean }
  /** Seconds since the epoch. */
  | { readonly type: 'date'; readonly value: number };

/** Parameters in the order received. */
export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly item: BareItem;
  readonly parameters: Parameters;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly parameters: Parameters;
}

export type Member = Item | InnerList;

/** Members in the order received. */
export type Dictionary = ReadonlyMap<string, Member>;

export type List = readonly Member[];

/** The structured type that a field is defined to have. */
export type StructuredType = 'dictionary' | 'list' | 'item';

/** The parameters of most items: none. */
export const NO_PARAMETERS: Parameters = new Map();

export function isInnerList(member: Member): member is InnerList {
  return 'items' in member;
}
