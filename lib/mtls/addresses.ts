import { BlockList, isIP } from 'node:net';
import type { Check } from '../options.js';

/** Whether an address, as a socket gives it, is one of those that were listed. */
export type AddressList = (address: string | undefined) => boolean;

const RANGE = /^([^/%]+)(?:\/(\d{1,3}))?$/;

interface Range {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Allows an IP address, or a range of them in CIDR notation that is not the whole internet. */
export const addressRange: Check = (value) => {
  const range = typeof value === 'string' ? readRange(value) : undefined;
  if (range === undefined) return "must be an IP address or a range of them, such as '10.0.0.0/8'";
  return range.prefix === 0 ? 'must not be every address there is' : undefined;
};

/** Prepares a list of what `addressRange` allows. */
export function addressList(ranges: readonly string[]): AddressList {
  const list = new BlockList();
  for (const text of ranges) {
    const range = readRange(text);
    if (range !== undefined) list.addSubnet(range.address, range.prefix, range.family);
  }
  return (address = '') => {
    // A link-local address comes with the interface it was seen on.
    const [bare = ''] = address.split('%', 1);
    const family = isIP(bare);
    return family !== 0 && list.check(bare, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function readRange(text: string): Range | undefined {
  const [, address = '', digits] = RANGE.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return undefined;
  const most = family === 4 ? 32 : 128;
  const prefix = digits === undefined ? most : Number(digits);
  return prefix <= most ? { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' } : undefined;
}
