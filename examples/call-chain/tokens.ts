import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { World } from './world.js';

/** A token as the authorization server would give it to a user with so many rights. */
export function userToken(world: World, name: 'reports' | 'audit', scope: string): Promise<string> {
  const { issuer, app, sign } = world.authorizationServer;
  const iat = Math.floor(Date.now() / 1000);
  const claims: JWTPayload = { iss: issuer, sub: 'demo-user', aud: world.resources[name], client_id: app.clientId };
  return sign({ ...claims, scope, iat, exp: iat + 300, jti: randomUUID() });
}
