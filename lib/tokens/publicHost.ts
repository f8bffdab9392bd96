import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { isLoopback } from '../url.js';

/** IPv4 addresses that are not on the public internet (RFC 6890). */
const NOT_PUBLIC_4 = listOf('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]);

/** IPv6 addresses outside 2000::/3, and those within that are reserved or lead to an IPv4 address. */
const NOT_PUBLIC_6 = listOf('ipv6', [
  ['::', 3],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['4000::', 2],
  ['8000::', 1],
]);

function listOf(family: 'ipv4' | 'ipv6', ranges: readonly (readonly [address: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, family);
  return list;
}

/** Finds the addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** Asks the resolver of the operating system. */
export async function resolveHost(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

/**
 * Requires that a URL from a metadata document may be fetched: it is on the host of the configured URL, or an https URL
 * on a public one. The names behind it are looked up when `resolve` is given.
 * @throws {Error} when it may not be
 */
export async function assertLearnedUrl(learned: string, configured: string, resolve?: Resolve): Promise<void> {
  if (!URL.canParse(learned)) throw new Error('a learned URL is not a URL');
  const { protocol, hostname, username, password } = new URL(learned);
  const home = new URL(configured).hostname;
  const local = isLoopback(home) && isLoopback(hostname);
  if (username !== '' || password !== '') throw new Error('a learned URL carries user information');
  if (protocol !== 'https:' && !(protocol === 'http:' && local)) throw new Error('a learned URL is not https');
  if (local || hostname === home) return;
  if (!(await isPublicHost(hostname, resolve))) throw new Error('a learned URL is not public');
}

async function isPublicHost(hostname: string, resolve: Resolve | undefined): Promise<boolean> {
  // `URL` prints an IPv6 address in brackets.
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return isPublic(bare);
  const addresses = await resolve?.(hostname);
  return !isLoopback(hostname) && addresses?.every(isPublic) !== false;
}

function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !NOT_PUBLIC_4.check(address, 'ipv4');
  return family === 6 && !NOT_PUBLIC_6.check(address, 'ipv6');
}
