import { createMachine, required } from "./machine.ts";
import { MachineError, statusBody } from "./machine_error.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { SYSTEM_ASSIGNED } from "./machine_tokens.ts";

const API_VERSION = "2017-09-01";

/**
 * Creates a simulated compute of Azure Machine Learning. The token endpoint is the URL in the variable `MSI_ENDPOINT`,
 * requires the secret in `MSI_SECRET`, and selects identities by the parameter `clientid` only.
 * `DEFAULT_IDENTITY_CLIENT_ID` has the client id of the default identity.
 *
 * @param options See {@linkcode MachineOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example Request a token for the default identity
 * ```ts
 * import { createAzureMlCompute } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createAzureMlCompute();
 * const { MSI_ENDPOINT, MSI_SECRET, DEFAULT_IDENTITY_CLIENT_ID } = machine.env;
 * const url = `${MSI_ENDPOINT}?api-version=2017-09-01&resource=https://vault.azure.net&clientid=${DEFAULT_IDENTITY_CLIENT_ID}`;
 *
 * const { access_token } = await (await machine.fetch(url, { headers: { secret: MSI_SECRET! } })).json();
 * assert.equal((await machine.verify(access_token)).appid, DEFAULT_IDENTITY_CLIENT_ID);
 * ```
 *
 * @see https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
 */
export function createAzureMlCompute(options: MachineOptions = {}): Machine {
  const { systemAssigned = true, userAssigned = [] } = options;
  const defaultIdentity = systemAssigned ? SYSTEM_ASSIGNED : userAssigned[0];
  return createMachine(options, {
    name: "createAzureMlCompute",
    env: {
      MSI_ENDPOINT: "http://127.0.0.1:46808/MSI/auth",
      MSI_SECRET: "a-simulated-secret-of-azure-ml",
      ...(defaultIdentity && { DEFAULT_IDENTITY_CLIENT_ID: defaultIdentity.clientId }),
    },
    expiresOn: "string",
    endpoint: (env) => env.MSI_ENDPOINT ?? "",
    errorBody: statusBody,
    async respond({ method, headers, query }, { env, tokens, describe }) {
      if (method !== "GET") throw new MachineError(405, "", "Only GET is allowed");
      if (headers.secret !== env.MSI_SECRET) throw new MachineError(401, "", "Unauthorized");
      if (query["api-version"] !== API_VERSION) throw badRequest(`Unknown api-version '${query["api-version"] ?? ""}'`);
      const resource = required(query, "resource", () => badRequest("The 'resource' parameter is missing"));
      const identity = tokens.find({ clientId: query.clientid });
      if (!identity) throw badRequest("No managed identity found for the specified client id");
      const { access_token, client_id, expires_on, refresh_in, token_type } = describe(
        await tokens.issue({ identity, resource }),
      );
      return { access_token, client_id, expires_on, refresh_in, resource, token_type };
    },
  });
}

function badRequest(message: string): MachineError {
  return new MachineError(400, "", message);
}
