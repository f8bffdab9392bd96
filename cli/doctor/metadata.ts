import { fetchJson, FetchFailure } from '../../lib/fetch.js';
import { isObject } from '../../lib/rpc.js';
import { escapeText } from '../../lib/text.js';
import { canonicalResource, insertWellKnown, metadataUrl, secureUrl } from '../../lib/url.js';
import { parameterOf, type Answer, type Patient } from './ask.js';
import { causeOf } from './cause.js';
import { failed, ok, skipped, warning, type Finding } from './finding.js';

/** How many authorization servers are asked: the server that names them may be anybody's. */
const MOST_SERVERS = 10;

type Members = Readonly<Record<string, unknown>>;

const SERVE = 'serve protectedResource({ resource, authorizationServers }) at the root of the app';

const REACH =
  'put your own authorization server into issuers and authorizationServers, or make it reachable for clients';

/** Looks at what clients read before they ask for a token: the resource's metadata, then that of its issuers. */
export async function lookAtMetadata(patient: Patient, { challenge }: Answer): Promise<readonly Finding[]> {
  const named = parameterOf(challenge, 'resource_metadata');
  const url = named === undefined || secureUrl(named) !== undefined ? metadataUrl(patient.url.href) : named;
  const metadata = await read(patient, url);
  if (typeof metadata === 'string') {
    return [
      failed('metadata', `The resource metadata at ${escapeText(url)}: ${metadata}.`, SERVE),
      ...skipped(['metadata_resource', 'metadata_issuers', 'issuer'], 'there is no resource metadata'),
    ];
  }
  const { authorization_servers: listed } = metadata;
  const servers = Array.isArray(listed) ? listed.filter((one) => typeof one === 'string') : [];
  return [
    ok('metadata', 'The resource metadata is served.'),
    resourceOf(metadata, patient.url),
    servers.length === 0
      ? failed('metadata_issuers', 'The resource metadata names no authorization server.', SERVE)
      : ok('metadata_issuers', `The resource metadata names ${servers.length} authorization server(s).`),
    ...(servers.length === 0
      ? skipped(['issuer'], 'none is named')
      : await Promise.all(servers.slice(0, MOST_SERVERS).map((server) => issuerOf(patient, server)))),
  ];
}

/** RFC 9728 section 3.3: a client must not use metadata that speak of another resource. */
function resourceOf({ resource }: Members, url: URL): Finding {
  const expected = canonicalResource(url.href);
  if (typeof resource === 'string' && canonicalResource(resource) === expected) {
    return ok('metadata_resource', 'The resource metadata speak of this endpoint.');
  }
  const seen = typeof resource === 'string' ? escapeText(resource) : 'nothing';
  return failed(
    'metadata_resource',
    `The resource metadata speak of ${seen}, not of ${escapeText(expected)}.`,
    "give the URL that clients use as 'resource', wherever proxies and mounts are",
  );
}

/** RFC 8414 section 3.3, and what MCP asks of the authorization code flow. */
async function issuerOf(patient: Patient, issuer: string): Promise<Finding> {
  const check = 'issuer';
  const shown = escapeText(issuer);
  if (secureUrl(issuer) !== undefined) {
    return failed(check, `The issuer ${shown} is no https URL.`, 'name an https issuer in authorizationServers');
  }
  const metadata = await discover(patient, issuer);
  if (typeof metadata === 'string') {
    return failed(check, `The metadata of ${shown}: ${metadata}.`, REACH);
  }
  if (metadata['issuer'] !== issuer) {
    return failed(check, `The metadata of ${shown} name another issuer.`, 'name the issuer exactly as it names itself');
  }
  const methods = metadata['code_challenge_methods_supported'];
  if (Array.isArray(methods) && methods.includes('S256')) return ok(check, `${shown} is found, and offers PKCE.`);
  return warning(
    check,
    `${shown} does not say that it offers PKCE with S256; MCP clients refuse such issuers.`,
    'switch PKCE on at the authorization server',
  );
}

async function discover(patient: Patient, issuer: string): Promise<Members | string> {
  const oauth = await read(patient, insertWellKnown(issuer, 'oauth-authorization-server'));
  if (typeof oauth !== 'string') return oauth;
  return read(patient, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
}

/** The document, or why there is none. */
async function read({ timeoutMs }: Patient, url: string): Promise<Members | string> {
  try {
    const value = await fetchJson(url, { fetch, signal: AbortSignal.timeout(timeoutMs) });
    return isObject(value) ? value : 'no JSON object';
  } catch (error) {
    if (error instanceof FetchFailure) return `${error.message}${causeOf(error)}`;
    throw error;
  }
}
