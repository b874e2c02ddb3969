import { createMachine, required } from "./machine.ts";
import { MachineError, oauthBody } from "./machine_error.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { findIdentity, METADATA_TOKEN_URL } from "./virtual_machine.ts";

const API_VERSION = "2018-02-01";
const NO_HEADER = "no_metadata_header";

/**
 * Creates a simulated container group of Azure Container Instances, with a metadata service at
 * `http://169.254.169.254`. If a request lacks the header `Metadata`, the error response is plain text.
 *
 * @param options See {@linkcode MachineOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example
 * ```ts
 * import { createContainerInstance } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createContainerInstance();
 * const response = await machine.fetch("http://169.254.169.254/metadata/identity/oauth2/token");
 *
 * assert.equal(response.status, 400);
 * assert.equal(await response.text(), "Required metadata header not specified or not correct");
 * ```
 *
 * @see https://learn.microsoft.com/azure/container-instances/container-instances-managed-identity
 */
export function createContainerInstance(options: MachineOptions = {}): Machine {
  return createMachine(options, {
    name: "createContainerInstance",
    env: {},
    expiresOn: "string",
    endpoint: () => METADATA_TOKEN_URL,
    errorBody: (error) => error.code === NO_HEADER ? error.message : oauthBody(error),
    async respond(request, state) {
      if (request.headers.metadata?.toLowerCase() !== "true") {
        throw new MachineError(400, NO_HEADER, "Required metadata header not specified or not correct");
      }
      const version = required(
        request.query,
        "api-version",
        () => badRequest("Required query variable 'api-version' is missing"),
      );
      if (version !== API_VERSION) throw badRequest("The requested version is not supported");
      const resource = required(
        request.query,
        "resource",
        () => badRequest("Required audience parameter not specified"),
      );
      return state.describe(await state.tokens.issue({ identity: findIdentity(request, state), resource }));
    },
  });
}

function badRequest(message: string): MachineError {
  return new MachineError(400, "invalid_request", message);
}
