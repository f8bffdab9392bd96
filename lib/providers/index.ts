export { auth0, type Auth0Options } from './auth0.js';
export { entra, type EntraOptions } from './entra.js';
export { introspect, type IntrospectOptions } from './introspect.js';
export { keycloak, type KeycloakOptions } from './keycloak.js';
export { oidc, type OidcOptions } from './oidc.js';
export { okta, type OktaOptions } from './okta.js';
export type { IssuerOptions } from './preset.js';
