/**
 * A credential whose token service fails.
 *
 * @module
 */
import { ClientSecretCredential, type CredentialOptions } from "@azweb/identity";
import assert from "node:assert/strict";
import {
  type Asked,
  CLIENT,
  createService,
  failureOf,
  isolatedOptions,
  SCOPE,
  type Service,
  TENANT,
  TOKEN_ENDPOINT,
} from "../service.ts";

/** The beginning of the credential's error messages. */
export const ACTION: string = `ClientSecretCredential: Cannot get a token for "${SCOPE}" from "${TOKEN_ENDPOINT}": `;

/** Creates the credential. */
export function create(service: Pick<Service, "fetch">, options: CredentialOptions = {}): ClientSecretCredential {
  return new ClientSecretCredential(TENANT, CLIENT, "a-secret", { ...isolatedOptions(service), ...options });
}

/** Requests one token from a service that fails. Returns the error and the number of requests. */
export async function failWith(
  answer: (asked: Asked, index: number) => unknown,
  options: CredentialOptions = {},
): Promise<{ error: Awaited<ReturnType<typeof failureOf>>; message: string; asked: number }> {
  const service = createService(answer);
  const error = await failureOf(create(service, options).getToken(SCOPE));
  assert.equal(error.name, "AuthenticationError");
  assert.ok(error.message.startsWith(ACTION), error.message);
  return { error, message: error.message.slice(ACTION.length), asked: service.requests.length };
}
