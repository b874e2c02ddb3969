import type { ClientAuth } from "oauth4webapi";
import { reasonOf } from "../core/reason.ts";
import { unavailableOf } from "../core/unavailable.ts";
import { AuthenticationError } from "../errors.ts";

export { ClientSecretPost as secretAuth, None as noAuth } from "oauth4webapi";

/** Returns the client authentication by a client assertion that a callback returns (RFC 7523, section 2.2). */
export function assertionAuth(getAssertion: () => Promise<string>): ClientAuth {
  return async (_server, client, body) => {
    setAssertion(body, client.client_id, await callForAssertion(getAssertion));
  };
}

/** Sets the client assertion in the form. */
export function setAssertion(body: URLSearchParams, clientId: string, assertion: string): void {
  body.set("client_id", clientId);
  body.set("client_assertion", assertion);
  body.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
}

async function callForAssertion(getAssertion: () => Promise<string>): Promise<string> {
  let assertion: unknown;
  try {
    assertion = await getAssertion();
  } catch (error) {
    if (unavailableOf(error)) throw error;
    throw new AuthenticationError(
      `Cannot get a client assertion: The callback "getAssertion" failed: ${reasonOf(error)}`,
      { cause: error },
    );
  }
  if (typeof assertion === "string" && assertion.trim() !== "") return assertion.trim();
  throw new AuthenticationError(
    'Cannot get a client assertion: The callback "getAssertion" must return a JWT as a non-empty string',
  );
}
