import type { ClientAuth } from "oauth4webapi";
import type { AssertionRequest } from "../assertion_source.ts";
import type { AdviseOnAssertion } from "./advice.ts";
import { reasonOf } from "../core/reason.ts";
import { isCredentialError } from "../core/unavailable.ts";
import { AuthenticationError } from "../errors.ts";

export { ClientSecretPost as secretAuth, None as noAuth } from "oauth4webapi";

/** Client authentication that may take time, and stops when the signal of the token request fires. */
export interface AbortableClientAuth {
  (...parameters: [...Parameters<ClientAuth>, signal?: AbortSignal]): ReturnType<ClientAuth>;
  /** Loads the advice on rejected assertions. It is a member so that only bundles with assertions contain it. */
  readonly loadAdvice?: () => Promise<AdviseOnAssertion>;
}

/** Returns an assertion for a token request. */
export type AssertionCallback = (request: AssertionRequest) => Promise<string>;

/** Returns the client authentication by a client assertion that a callback returns (RFC 7523, section 2.2). */
export function assertionAuth(getAssertion: AssertionCallback): AbortableClientAuth {
  return withAdvice(async (server, client, body, _headers, abortSignal) => {
    const { client_id: clientId } = client;
    const request = { abortSignal, clientId, tokenEndpoint: server.token_endpoint };
    setAssertion(body, clientId, await callForAssertion(getAssertion, request));
  });
}

/** Adds the advice on assertions of other identity providers to a client authentication. */
export function withAdvice(clientAuth: AbortableClientAuth): AbortableClientAuth {
  return Object.assign(clientAuth, {
    // Loaded on demand, because few assertions are rejected.
    loadAdvice: async () => (await import("./assertion_advice.ts")).adviseOnAssertion,
  });
}

/** Sets the client assertion in the form. */
export function setAssertion(body: URLSearchParams, clientId: string, assertion: string): void {
  body.set("client_id", clientId);
  body.set("client_assertion", assertion);
  body.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
}

async function callForAssertion(getAssertion: AssertionCallback, request: AssertionRequest): Promise<string> {
  let assertion: unknown;
  try {
    assertion = await getAssertion(request);
  } catch (error) {
    // The errors of a source of assertions explain themselves.
    if (isCredentialError(error)) throw error;
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
