import { SignatureError } from './error.js';

/** Lower-cased names; every received line is kept. */
export type Fields = Readonly<Record<string, readonly string[] | undefined>>;

/** The target URI of a request, taken apart (RFC 9421 section 2.2). Made by `targetOf`. */
export interface Target {
  /** Scheme, authority, path and query as received, without normalization. */
  readonly uri: string;
  readonly scheme: string;
  /** Lower case, without the default port. */
  readonly authority: string;
  /** As received, never empty. */
  readonly path: string;
  /** With its question mark, which is all there is without a query. */
  readonly query: string;
  /** The request target of the request line. */
  readonly requestTarget: string;
}

/** A request as far as a signature can see it. */
export interface RequestMessage {
  readonly method: string;
  readonly target: Target;
  readonly headers: Fields;
  readonly trailers?: Fields | undefined;
}

/** A response as far as a signature can see it. */
export interface ResponseMessage {
  readonly status: number;
  readonly headers: Fields;
  readonly trailers?: Fields | undefined;
  /** The request it answers, for components with `req` (RFC 9421 section 2.4). */
  readonly request?: RequestMessage | undefined;
}

export type Message = RequestMessage | ResponseMessage;

/** Where a server is reached, prepared once. Made by `originOf`. */
export interface Origin {
  readonly scheme: string;
  readonly authority: string;
}

const ABSOLUTE_FORM = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/;

/** The scheme and authority of a URL in the form that `@scheme` and `@authority` need. */
export function originOf(url: string | URL): Origin {
  const { protocol, host } = new URL(url);
  return { scheme: protocol.slice(0, -1), authority: host };
}

/**
 * The target URI that a request line asks for at this origin. The origin comes from configuration, never from `Host`.
 *
 * The asterisk of OPTIONS stands for the origin itself (RFC 9110 section 7.1).
 * @throws {SignatureError} `target_invalid` for an absolute URI of another origin, a fragment, and any other form
 */
export function targetOf(origin: Origin, requestTarget: string): Target {
  const suffix = requestTarget === '*' ? '' : suffixOf(origin, requestTarget);
  if (suffix.includes('#')) throw invalid();
  const question = suffix.indexOf('?');
  const path = question < 0 ? suffix : suffix.slice(0, question);
  return {
    uri: `${origin.scheme}://${origin.authority}${suffix}`,
    scheme: origin.scheme,
    authority: origin.authority,
    path: path === '' ? '/' : path,
    query: question < 0 ? '?' : suffix.slice(question),
    requestTarget,
  };
}

/** The target URI of a request that is about to be sent to this URL. The fragment is never sent. */
export function targetOfUrl(url: URL): Target {
  return targetOf(originOf(url), url.pathname + url.search);
}

function suffixOf({ scheme, authority }: Origin, requestTarget: string): string {
  if (requestTarget.startsWith('/')) return requestTarget;
  const [, theirScheme = '', theirAuthority = '', suffix = ''] = ABSOLUTE_FORM.exec(requestTarget) ?? [];
  if (theirScheme.toLowerCase() !== scheme || withoutDefaultPort(theirScheme, theirAuthority) !== authority) {
    throw invalid();
  }
  return suffix;
}

function withoutDefaultPort(scheme: string, authority: string): string {
  const port = scheme.toLowerCase() === 'https' ? ':443' : ':80';
  const lower = authority.toLowerCase();
  return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

function invalid(): SignatureError {
  return new SignatureError('target_invalid', 'The request target is not one of this origin');
}
