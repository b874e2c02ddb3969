import { createMachine, required } from "./machine.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { MachineRefusal, oauthBody } from "./machine_refusal.ts";
import { findIdentity, METADATA_TOKEN_URL } from "./virtual_machine.ts";

const API_VERSION = "2018-02-01";
const NO_HEADER = "no_metadata_header";

/**
 * Creates a simulated container group of {@link https://learn.microsoft.com/azure/container-instances/container-instances-managed-identity | Azure
 * Container Instances}: a metadata service at `http://169.254.169.254` that refuses a request without the header `Metadata` in plain text.
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
 */
export function createContainerInstance(options: MachineOptions = {}): Machine {
  return createMachine(options, {
    env: {},
    expiresOn: "text",
    endpoint: () => METADATA_TOKEN_URL,
    errorBody: (refusal) => refusal.code === NO_HEADER ? refusal.message : oauthBody(refusal),
    async answer(asked, inside) {
      if (asked.headers.metadata?.toLowerCase() !== "true") {
        throw new MachineRefusal(400, NO_HEADER, "Required metadata header not specified or not correct");
      }
      const version = required(
        asked.query,
        "api-version",
        () => bad("Required query variable 'api-version' is missing"),
      );
      if (version !== API_VERSION) throw bad("The requested version is not supported");
      const resource = required(asked.query, "resource", () => bad("Required audience parameter not specified"));
      return inside.describe(await inside.tokens.issue({ identity: findIdentity(asked, inside), resource }));
    },
  });
}

function bad(message: string): MachineRefusal {
  return new MachineRefusal(400, "invalid_request", message);
}
