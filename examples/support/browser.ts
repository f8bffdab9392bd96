const MAX_HOPS = 10;

/** Opens a URL, and follows every redirect up to the destination. */
export type Browser = (url: URL, destination: string) => Promise<URL>;

/** A browser with a cookie jar of its own, empty at first: whoever signs in stays signed in. */
export function openBrowser(send: typeof fetch = fetch): Browser {
  const jar = new Map<string, string>();
  return (url, destination) => follow(send, jar, url, destination);
}

/** Opens a URL in a new browser. */
export function visit(url: URL, destination: string): Promise<URL> {
  return openBrowser()(url, destination);
}

/** @throws {Error} when the pages end before the destination */
async function follow(send: typeof fetch, jar: Map<string, string>, url: URL, destination: string): Promise<URL> {
  let current = url;
  for (let hop = 0; hop < MAX_HOPS; hop += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await send(current, { redirect: 'manual', headers: { cookie } });
    const location = response.headers.get('location');
    if (location === null) throw new Error(`${current.pathname} answered ${response.status}: ${await response.text()}`);
    await response.body?.cancel();
    keepCookies(jar, response.headers.getSetCookie());
    current = new URL(location, current);
    if (current.origin + current.pathname === destination) return current;
  }
  throw new Error(`${destination} was not reached in ${MAX_HOPS} redirects`);
}

function keepCookies(jar: Map<string, string>, lines: readonly string[]): void {
  for (const line of lines) {
    const [pair = ''] = line.split(';', 1);
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    if (value === '') jar.delete(name);
    else jar.set(name, value);
  }
}
