import { createMachine, required } from "./machine.ts";
import { MachineError, nestedBody } from "./machine_error.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";

/** Options of {@linkcode createCloudShell}: a Cloud Shell has no identity but the signed-in user. */
export type CloudShellOptions = Omit<MachineOptions, "systemAssigned" | "userAssigned">;

/** The application that acquires tokens for the user. */
const APP = { clientId: "b677c290-cf4b-4a8e-a60e-91ba650a4abe" };
const USER = "jo@contoso.com";

/**
 * Creates a simulated Cloud Shell. The token endpoint is the URL in the variable `MSI_ENDPOINT`, accepts a form with
 * the resource, and issues tokens for the signed-in user.
 *
 * @param options See {@linkcode CloudShellOptions}.
 * @throws {TypeError} An option is unknown or malformed.
 *
 * @example Request a token for the user
 * ```ts
 * import { createCloudShell } from "@azweb/identity/testing";
 * import assert from "node:assert/strict";
 *
 * const machine = createCloudShell();
 * const response = await machine.fetch(machine.env.MSI_ENDPOINT!, {
 *   method: "POST",
 *   headers: { Metadata: "true" },
 *   body: new URLSearchParams({ resource: "https://management.azure.com" }),
 * });
 * const { access_token } = await response.json();
 * assert.equal((await machine.verify(access_token)).aud, "https://management.azure.com");
 * ```
 *
 * @see https://learn.microsoft.com/azure/cloud-shell/msi-authorization
 */
export function createCloudShell(options: CloudShellOptions = {}): Machine {
  return createMachine(options, {
    name: "createCloudShell",
    env: { MSI_ENDPOINT: "http://127.0.0.1:50342/oauth2/token" },
    expiresOn: "string",
    endpoint: (env) => env.MSI_ENDPOINT ?? "",
    errorBody: nestedBody,
    async respond({ method, headers, form }, { tokens, describe }) {
      if (method !== "POST") throw new MachineError(405, "MethodNotAllowed", "Only POST is allowed");
      if (headers.metadata?.toLowerCase() !== "true") {
        throw new MachineError(400, "MetadataHeaderMissing", "The metadata header is missing");
      }
      const resource = required(
        form,
        "resource",
        () => new MachineError(400, "AudienceNotSupported", "Audience  is not a supported MSI token audience"),
      );
      const { client_id: _, ...body } = describe(await tokens.issue({ identity: APP, resource, username: USER }));
      return body;
    },
  });
}
