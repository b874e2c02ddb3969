import { createMachine, required } from "./machine.ts";
import type { Machine, MachineOptions } from "./machine_options.ts";
import { MachineRefusal, nestedBody } from "./machine_refusal.ts";

/** What {@linkcode createCloudShell} accepts: it has no identities but the user who is signed in. */
export type CloudShellOptions = Omit<MachineOptions, "systemAssigned" | "userAssigned">;

/** The application that asks in the user's name: the portal's console. */
const CONSOLE = { clientId: "b677c290-cf4b-4a8e-a60e-91ba650a4abe" };
const USER = "somebody@contoso.com";

/**
 * Makes a simulated {@link https://learn.microsoft.com/azure/cloud-shell/msi-authorization | Cloud Shell}: it takes a form that names the
 * resource, where its variable `MSI_ENDPOINT` says, and gives tokens of the one user who is signed in.
 *
 * @example A token of the user
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
 */
export function createCloudShell(options: CloudShellOptions = {}): Machine {
  return createMachine(options, {
    env: { MSI_ENDPOINT: "http://127.0.0.1:50342/oauth2/token" },
    expiresOn: "text",
    endpoint: (env) => env.MSI_ENDPOINT ?? "",
    errorBody: nestedBody,
    async answer({ method, headers, form }, { tokens, describe }) {
      if (method !== "POST") throw new MachineRefusal(405, "MethodNotAllowed", "Only POST is allowed");
      if (headers.metadata?.toLowerCase() !== "true") {
        throw new MachineRefusal(400, "MetadataHeaderMissing", "The metadata header is missing");
      }
      const resource = required(
        form,
        "resource",
        () => new MachineRefusal(400, "AudienceNotSupported", "Audience  is not a supported MSI token audience"),
      );
      const { client_id: _, ...answer } = describe(await tokens.issue({ identity: CONSOLE, resource, username: USER }));
      return answer;
    },
  });
}
