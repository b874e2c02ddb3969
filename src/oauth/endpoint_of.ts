import type { AuthorizationServer } from "oauth4webapi";
import { AuthenticationError } from "../errors.ts";

/** Returns where else the authority is asked. Throws an `AuthenticationError` where its configuration does not say. */
export function endpointOf(
  server: AuthorizationServer,
  name: "authorization_endpoint" | "device_authorization_endpoint",
): string {
  const endpoint = server[name];
  if (endpoint !== undefined) return endpoint;
  throw new AuthenticationError(
    `Cannot use the authority "${server.issuer}": Its OpenID configuration names no "${name}" of its own`,
  );
}
