import { createMachine, required } from "./machine.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { MachineRefusal, statusBody } from "./machine_refusal.ts";

const API_VERSION = "2019-08-01";

/**
 * Makes a simulated App Service: the {@link https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference |
 * token endpoint} that also Functions, Container Apps and Automation have. It listens where its variable `IDENTITY_ENDPOINT` says, and asks
 * for the secret in `IDENTITY_HEADER`.
 *
 * @example A token of an identity that was assigned
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
 */
export function createAppService(options: MachineOptions = {}): Machine {
  return createMachine(options, {
    env: {
      IDENTITY_ENDPOINT: "http://127.0.0.1:41741/msi/token",
      IDENTITY_HEADER: "a-simulated-secret-of-app-service",
    },
    expiresOn: "text",
    endpoint: (env) => env.IDENTITY_ENDPOINT ?? "",
    errorBody: statusBody,
    async answer({ method, headers, query }, { env, tokens, describe }) {
      if (method !== "GET") throw new MachineRefusal(405, "", "Only GET is allowed");
      if (headers["x-identity-header"] !== env.IDENTITY_HEADER) throw new MachineRefusal(401, "", "Unauthorized");
      if (query["api-version"] !== API_VERSION) throw bad(`Unknown api-version '${query["api-version"] ?? ""}'`);
      const resource = required(query, "resource", () => bad("The 'resource' parameter is missing"));
      const { client_id: clientId, object_id: objectId, mi_res_id: resourceId } = query;
      if ([clientId, objectId, resourceId].filter((id) => id !== undefined).length > 1) {
        throw bad("Only one of client_id, object_id and mi_res_id may be specified");
      }
      const identity = tokens.find({ clientId, objectId, resourceId });
      if (!identity) throw bad("Unable to load the proper Managed Identity.");
      const { access_token, client_id, expires_on, refresh_in, token_type } = describe(
        await tokens.issue({ identity, resource }),
      );
      return { access_token, client_id, expires_on, refresh_in, resource, token_type };
    },
  });
}

function bad(message: string): MachineRefusal {
  return new MachineRefusal(400, "", message);
}
