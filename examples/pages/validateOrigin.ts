// What the page on validateOrigin shows.
import { validateOrigin } from '../../lib/index.js';

// #region origin
export const origin = validateOrigin({
  resource: 'https://mcp.example.com/mcp',
  allowedOrigins: ['https://inspector.example.com'],
});
// #endregion
