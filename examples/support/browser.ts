const MAX_HOPS = 10;

/**
 * Opens a URL as a browser with an empty cookie jar would, and follows every redirect up to `destination`.
 * @throws {Error} when the pages end before that
 */
export async function visit(url: URL, destination: string): Promise<URL> {
  const jar = new Map<string, string>();
  let current = url;
  for (let hop = 0; hop < MAX_HOPS; hop += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(current, { redirect: 'manual', headers: { cookie } });
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
