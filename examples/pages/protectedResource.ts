// What the page on protectedResource shows.
import type { Express } from 'express';
import type Koa from 'koa';
import { serveExpress } from '../../adapters/express.js';
import { serveKoa } from '../../adapters/koa.js';
import { exposedHeaders, protectedResource } from '../../lib/index.js';

export function mount(app: Express, koaApp: Koa): void {
  // #region metadata
  const metadata = protectedResource({
    resource: 'https://mcp.example.com/mcp',
    authorizationServers: ['https://as.example.com'],
  });

  app.use(serveExpress(metadata)); // Express
  koaApp.use(serveKoa(metadata)); // Koa
  // #endregion
}

export function mountTwo(app: Express, authorizationServers: readonly string[]): void {
  // #region two
  app.use(
    serveExpress(
      protectedResource({ resource: 'https://h.example.com/a', authorizationServers }),
      protectedResource({ resource: 'https://h.example.com/b', authorizationServers, root: false }),
    ),
  );
  // #endregion
}

/** For the package `cors`. */
export function corsOptions(): { readonly origin: string; readonly exposedHeaders: string[] } {
  // #region cors
  const options = { origin: 'https://inspector.example.com', exposedHeaders: [...exposedHeaders] };
  // app.use('/mcp', cors(options)), in front of the checks
  // #endregion
  return options;
}
