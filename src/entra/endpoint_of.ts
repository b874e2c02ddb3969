import type { AuthorizationServer } from "oauth4webapi";
import { AuthenticationError } from "../errors.ts";

/** Returns an endpoint of the authority. Throws an `AuthenticationError` if its configuration does not name it. */
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
