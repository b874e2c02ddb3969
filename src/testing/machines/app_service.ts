import { createMachine, required } from "./machine.ts";
import { MachineError, statusBody } from "./machine_error.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";

const API_VERSION = "2019-08-01";

/**
 * Creates a simulated App Service, with the token endpoint that Functions, Container Apps and Automation have too. The
 * endpoint is the URL in the variable `IDENTITY_ENDPOINT`, and requires the secret in `IDENTITY_HEADER`.
 *
 * @param options See {@linkcode MachineOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example Request a token for a user-assigned identity
 * ```ts
 * import { createAppService } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createAppService({ userAssigned: [{ clientId: "my-identity" }] });
 * const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = machine.env;
 * const url = `${IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=https://vault.azure.net&client_id=my-identity`;
 *
 * const response = await machine.fetch(url, { headers: { "X-IDENTITY-HEADER": IDENTITY_HEADER! } });
 * const { access_token } = await response.json();
 * assert.equal((await machine.verify(access_token)).appid, "my-identity");
 * assert.equal((await machine.fetch(url)).status, 401);
 * ```
 *
 * @see https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
export function createAppService(options: MachineOptions = {}): Machine {
  return createMachine(options, {
    name: "createAppService",
    env: {
      IDENTITY_ENDPOINT: "http://127.0.0.1:41741/msi/token",
      IDENTITY_HEADER: "a-simulated-secret-of-app-service",
    },
    expiresOn: "string",
    endpoint: (env) => env.IDENTITY_ENDPOINT ?? "",
    errorBody: statusBody,
    async respond({ method, headers, query }, { env, tokens, describe }) {
      if (method !== "GET") throw new MachineError(405, "", "Only GET is allowed");
      if (headers["x-identity-header"] !== env.IDENTITY_HEADER) throw new MachineError(401, "", "Unauthorized");
      if (query["api-version"] !== API_VERSION) throw badRequest(`Unknown api-version '${query["api-version"] ?? ""}'`);
      const resource = required(query, "resource", () => badRequest("The 'resource' parameter is missing"));
      const { client_id: clientId, object_id: objectId, mi_res_id: resourceId } = query;
      if ([clientId, objectId, resourceId].filter((id) => id !== undefined).length > 1) {
        throw badRequest("Only one of client_id, object_id and mi_res_id may be specified");
      }
      const identity = tokens.find({ clientId, objectId, resourceId });
      if (!identity) throw badRequest("Unable to load the proper Managed Identity.");
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
