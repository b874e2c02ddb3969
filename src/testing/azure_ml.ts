import { createMachine, required } from "./machine.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { MachineRefusal, statusBody } from "./machine_refusal.ts";
import { SYSTEM_ASSIGNED } from "./machine_tokens.ts";

const API_VERSION = "2017-09-01";

/**
 * Makes a simulated compute of
 * {@link https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication | Azure Machine Learning}. It listens
 * where its variable `MSI_ENDPOINT` says, asks for the secret in `MSI_SECRET`, and knows identities by their client ids alone, as
 * `clientid`; its own stands in `DEFAULT_IDENTITY_CLIENT_ID`.
 *
 * @example A token of the compute's own identity
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
 */
export function createAzureMlCompute(options: MachineOptions = {}): Machine {
  const { systemAssigned = true, userAssigned = [] } = options;
  const main = systemAssigned ? SYSTEM_ASSIGNED : userAssigned[0];
  return createMachine(options, {
    env: {
      MSI_ENDPOINT: "http://127.0.0.1:46808/MSI/auth",
      MSI_SECRET: "a-simulated-secret-of-azure-ml",
      ...(main && { DEFAULT_IDENTITY_CLIENT_ID: main.clientId }),
    },
    expiresOn: "text",
    endpoint: (env) => env.MSI_ENDPOINT ?? "",
    errorBody: statusBody,
    async answer({ method, headers, query }, { env, tokens, describe }) {
      if (method !== "GET") throw new MachineRefusal(405, "", "Only GET is allowed");
      if (headers.secret !== env.MSI_SECRET) throw new MachineRefusal(401, "", "Unauthorized");
      if (query["api-version"] !== API_VERSION) throw bad(`Unknown api-version '${query["api-version"] ?? ""}'`);
      const resource = required(query, "resource", () => bad("The 'resource' parameter is missing"));
      const identity = tokens.find({ clientId: query.clientid });
      if (!identity) throw bad("No managed identity found for the specified client id");
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
